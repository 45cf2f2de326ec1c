//! How the projections of a node are: how far each has come, why one stopped, and whether they agree with the leader's.

use std::collections::BTreeMap;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::{Deserialize, Serialize};

use super::request::Footer;
use crate::event::{Hash, Seq};
use crate::projection::table::AnyTable;
use crate::projection::{Projection, State};
use crate::replica::{Compared, Replica};

/// How a projection of one node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectionStatus {
    /// `projection/` and its name.
    pub id: String,
    /// `running`, or `stopped`.
    pub state: String,
    /// The last record that it holds.
    pub seq: Seq,
    /// Records that this node knows of, in its log or from the leader, and that the projection does not hold.
    pub lag: u64,
    /// Rows in its tables; none when it stopped.
    pub rows: Option<u64>,
    /// Why it stopped.
    pub error: Option<String>,
    /// The record that it stopped before.
    pub failing_seq: Option<Seq>,
    /// The kind of that record.
    pub failing_kind: Option<String>,
    /// The projection because of which it stopped, when it looks into it.
    pub because_of: Option<String>,
    /// The digests of its tables; none when it stopped.
    pub digests: BTreeMap<String, Hash>,
    /// The position at which they were last compared with the leader's, since this node started.
    pub compared_seq: Option<Seq>,
    /// Whether they were equal there.
    pub agrees: Option<bool>,
    /// Divergences of it that the log records, by the name of the node.
    pub diverged: BTreeMap<String, u64>,
}

/// The rows of a state, of which `tip` records are known.
pub fn rows(state: &State, tip: Seq, compared: Option<&Compared>) -> Vec<ProjectionStatus> {
    let tables: BTreeMap<&str, &dyn AnyTable> = state.tables().into_iter().collect();
    Projection::ALL.iter().map(|projection| row(state, *projection, &tables, tip, compared)).collect()
}

/// The rows of this node.
pub fn of_node(replica: &Replica, footer: &Footer) -> Vec<ProjectionStatus> {
    let logged = replica.log().last().map_or(Seq(0), |last| last.seq);
    let tip = logged.max(Seq(footer.seq.0 + footer.behind_records));
    let compared = replica.fold().compared();
    replica.fold().read(|state| rows(state, tip, compared.as_ref()))
}

fn row(
    state: &State,
    projection: Projection,
    tables: &BTreeMap<&str, &dyn AnyTable>,
    tip: Seq,
    compared: Option<&Compared>,
) -> ProjectionStatus {
    let halt = state.check(projection).err();
    let seq = halt.map_or(state.seq, |halt| Seq(halt.seq.0.saturating_sub(1)));
    let own = || projection.tables().iter().filter_map(|name| Some((*name, *tables.get(name)?)));
    let differs = |compared: &Compared| projection.tables().iter().any(|name| compared.differing.contains(*name));
    let compared = compared.filter(|_| halt.is_none());
    let mut row = ProjectionStatus {
        id: format!("projection/{}", projection.name()),
        state: if halt.is_some() { "stopped" } else { "running" }.to_owned(),
        seq,
        lag: tip.0.saturating_sub(seq.0),
        rows: None,
        error: halt.map(|halt| halt.reason.clone()),
        failing_seq: halt.map(|halt| halt.seq),
        failing_kind: halt.map(|halt| halt.kind.name().to_owned()),
        because_of: halt.and_then(|halt| halt.because_of).map(|cause| cause.name().to_owned()),
        digests: BTreeMap::new(),
        compared_seq: compared.map(|compared| compared.position),
        agrees: compared.map(|compared| !differs(compared)),
        diverged: diverged(state, projection),
    };
    if halt.is_none() {
        row.rows = Some(own().map(|(_, table)| table.rows_len() as u64).sum());
        row.digests = own().map(|(name, table)| (name.to_owned(), table.digest())).collect();
    }
    row
}

fn diverged(state: &State, projection: Projection) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for row in state.divergences.table.values().filter(|row| projection.tables().contains(&row.projection.as_str())) {
        let name = state.hosts.get(row.host).map_or_else(|| row.host.to_string(), |host| host.name.clone());
        *found.entry(name).or_default() += 1;
    }
    found
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    projection: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Failed {
    projection: String,
    kind: String,
    error: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Diverged {
    projection: String,
    host: String,
}

/// Registers the figures of these rows.
pub fn register(registry: &mut Registry, rows: &[ProjectionStatus]) {
    let name = |row: &ProjectionStatus| row.id.trim_start_matches("projection/").to_owned();
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let mut figure = |title: &str, help: &str, value: &dyn Fn(&ProjectionStatus) -> Option<u64>| {
        let family = Family::<Of, Gauge>::default();
        for (row, value) in rows.iter().filter_map(|row| Some((row, value(row)?))) {
            family.get_or_create(&Of { projection: name(row) }).set(number(value));
        }
        registry.register(title, help, family);
    };
    figure("projection_seq", "Last record that the projection holds", &|row| Some(row.seq.0));
    figure("projection_lag_records", "Records known here that the projection does not hold", &|row| Some(row.lag));
    figure("projection_stopped", "1 when the projection failed and stopped", &|row| {
        Some(u64::from(row.failing_seq.is_some()))
    });
    figure("projection_failing_seq", "The record that the projection stopped before", &|row| {
        row.failing_seq.map(|seq| seq.0)
    });
    figure("projection_compared_seq", "Where its digests were last compared with the leader's", &|row| {
        row.compared_seq.map(|seq| seq.0)
    });
    figure("projection_agrees", "1 when its digests were equal to the leader's there", &|row| {
        row.agrees.map(u64::from)
    });
    let errors = Family::<Failed, Gauge>::default();
    let divergences = Family::<Diverged, Gauge>::default();
    for row in rows {
        if let (Some(error), Some(kind)) = (&row.error, &row.failing_kind) {
            errors.get_or_create(&Failed { projection: name(row), kind: kind.clone(), error: error.clone() }).set(1);
        }
        for (host, count) in &row.diverged {
            divergences.get_or_create(&Diverged { projection: name(row), host: host.clone() }).set(number(*count));
        }
    }
    registry.register("projection_error", "Why the projection stopped", errors);
    registry.register("projection_divergences", "Divergences recorded in the log", divergences);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::cluster::ProjectionDiverged;
    use crate::event::samples::sample;
    use crate::event::{Event, Kind};
    use crate::node::api::Noun;
    use crate::node::api::rows;
    use crate::projection::testing::record;

    fn stopped() -> State {
        let mut state = State::failing(Projection::Jobs, Seq(2));
        let Event::ProjectionDiverged(body) = sample(Kind::ProjectionDiverged) else { unreachable!() };
        let diverged = ProjectionDiverged { projection: "games_by_generation".to_owned(), ..body };
        let events = [sample(Kind::NodeJoined), sample(Kind::JobQueued), diverged.into()];
        (1..).zip(events).for_each(|(seq, event)| state.apply(&record(seq, event)));
        state
    }

    fn of<'a>(rows: &'a [ProjectionStatus], name: &str) -> &'a ProjectionStatus {
        rows.iter().find(|row| row.id == format!("projection/{name}")).expect("a projection")
    }

    #[test]
    fn a_stopped_projection_shows_where_and_why_and_the_others_how_far_they_are() {
        let compared = Compared { position: Seq(2), differing: ["generations".to_owned()].into() };
        let rows = super::rows(&stopped(), Seq(9), Some(&compared));
        let jobs = of(&rows, "jobs");
        assert_eq!((jobs.state.as_str(), jobs.seq, jobs.lag), ("stopped", Seq(1), 8));
        assert_eq!((jobs.failing_seq, jobs.failing_kind.as_deref()), (Some(Seq(2)), Some("JOB_QUEUED")));
        assert_eq!((jobs.error.as_deref(), jobs.rows, jobs.agrees), (Some("injected failure"), None, None));
        let hosts = of(&rows, "hosts");
        assert_eq!((hosts.state.as_str(), hosts.seq, hosts.lag), ("running", Seq(3), 6));
        assert_eq!((hosts.rows, hosts.agrees), (Some(1), Some(true)));
        assert_eq!(of(&rows, "campaign").agrees, Some(false));
        assert_eq!(of(&rows, "games").diverged.values().sum::<u64>(), 1);
    }

    #[test]
    fn the_figures_are_in_the_metrics() {
        let mut registry = Registry::with_prefix("kifu");
        register(&mut registry, &super::rows(&stopped(), Seq(9), None));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            "kifu_projection_stopped{projection=\"jobs\"} 1",
            "kifu_projection_stopped{projection=\"hosts\"} 0",
            "kifu_projection_lag_records{projection=\"jobs\"} 8",
            "kifu_projection_failing_seq{projection=\"jobs\"} 2",
            "kifu_projection_error{projection=\"jobs\",kind=\"JOB_QUEUED\",error=\"injected failure\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn readers_of_a_stopped_projection_get_an_error_and_those_of_others_their_rows() {
        let state = stopped();
        let halt = rows::list(&state, Noun::Jobs).map(drop).expect_err("stopped");
        assert!(halt.to_string().contains("start the node again"), "{halt}");
        assert_eq!(rows::list(&state, Noun::Hosts).map(|rows| rows.render().len()), Ok(1));
        assert!(rows::find(&state, "job/a").is_err(), "it might be one of the jobs");
        assert_eq!(rows::find(&state, "host/").map(|rows| rows.render().len()), Ok(1));
        let digests = rows::list(&state, Noun::Digests).expect("rows").render();
        let digest = |name: &str| digests.iter().find(|row| row["id"] == name).map(|row| row["digest"].is_null());
        assert_eq!((digest("jobs"), digest("hosts")), (Some(true), Some(false)));
    }
}
