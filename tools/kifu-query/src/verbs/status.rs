//! `kifu-query status`

use clap::Args;
use kifu::cli::time::length_text;
use kifu::cli::{Column, ExitCode, Failure, Format, OutputArgs, Printer, Rows};
use kifu::node::api::{Footer, Request};
use serde_json::Value;

use super::projections;
use crate::connect::ConnectArgs;
use crate::session::Session;
use crate::show::scores_text;

/// Options of `status`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query status --data n1")]
pub struct Status {
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Status {
    /// Shows how the cluster is. Exit code 6 when it has no leader or no quorum, a projection has stopped, or the
    /// answering node's disk is full.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (rows, footer) = session.rows(&Request::Status).await?;
        let row = rows.into_iter().next().unwrap_or_default();
        show(&mut self.output.printer(), row, &footer)
    }
}

fn show(printer: &mut Printer, row: Value, footer: &Footer) -> Result<ExitCode, Failure> {
    let stopped = stopped(&row);
    let sick = row["health"] == "lost" || footer.leader.is_none() || !stopped.is_empty() || footer.disk_full;
    if !printer.format().is_for_programs() {
        printer.text(screen(&row))?;
        stopped.iter().try_for_each(|words| printer.text(words))?;
        if printer.format() == Format::Wide {
            printer.text("")?;
            let mut rows = row["projections"].as_array().cloned().unwrap_or_default();
            rows.iter_mut().for_each(projections::derive);
            printer.rows(&Rows { columns: projections::columns(), rows })?;
        }
    } else {
        let columns = [
            "id",
            "cluster",
            "health",
            "leader",
            "term",
            "seq",
            "hosts",
            "hosts_online",
            "jobs_queued",
            "jobs_running",
        ];
        let campaign =
            ["phase", "generation", "waits_for"].map(|name| Column::new(name).at(&format!("campaign.{name}")));
        let columns = columns.into_iter().map(Column::new).chain(campaign).collect();
        printer.rows(&Rows { columns, rows: vec![row] })?;
    }
    printer.note(footer)?;
    Ok(if sick { ExitCode::Unhealthy } else { ExitCode::Ok })
}

/// A line for each projection that stopped.
fn stopped(row: &Value) -> Vec<String> {
    let rows = row["projections"].as_array().into_iter().flatten().filter(|row| row["state"] == "stopped");
    let words = |name: &str, row: &Value| row[name].as_str().unwrap_or("?").to_owned();
    rows.map(|row| {
        let (id, kind, error) = (words("id", row), words("failing_kind", row), words("error", row));
        format!("stopped     {id} before record {} ({kind}): {error}", row["failing_seq"])
    })
    .collect()
}

/// One screen of words.
fn screen(row: &Value) -> String {
    let text = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let (leader, term) = (text(&row["leader"]), &row["term"]);
    let mut lines = vec![
        ("cluster", format!("{}, {}", text(&row["cluster"]), text(&row["health"]))),
        ("hosts", format!("{} of {} online", row["hosts_online"], row["hosts"])),
        ("leader", format!("{leader} in term {term}")),
        ("jobs", format!("{} queued, {} running", row["jobs_queued"], row["jobs_running"])),
    ];
    let queued = &row["longest_queued"];
    if queued.is_object() {
        lines.push(("waits", format!("{} since {}, longest of all", text(&queued["job"]), text(&queued["since"]))));
    }
    let missing = &row["copies_missing"];
    if missing.is_object() {
        let (blobs, since) = (&missing["blobs"], text(&missing["since"]));
        lines.push(("copies", format!("too few online of {blobs} blobs, wanted since {since}")));
    }
    let campaign = &row["campaign"];
    if campaign.is_object() {
        lines.extend(campaign_lines(campaign, text));
    }
    let lines: Vec<String> = lines.into_iter().map(|(name, words)| format!("{name:<11} {words}")).collect();
    lines.join("\n")
}

fn campaign_lines(campaign: &Value, text: impl Fn(&Value) -> String) -> Vec<(&'static str, String)> {
    let (generation, generations) = (&campaign["generation"], &campaign["generations"]);
    let phase = text(&campaign["phase"]);
    let mut lines = vec![
        ("campaign", format!("{}: generation {generation} of {generations}, {phase}", text(&campaign["game"]))),
        ("waits for", text(&campaign["waits_for"])),
        ("champion", text(&campaign["champion"])),
        (
            "games",
            format!(
                "{} of {} verified, {} recorded",
                campaign["games_verified"], campaign["games_target"], campaign["games_recorded"]
            ),
        ),
    ];
    for overdue in campaign["overdue"].as_array().into_iter().flatten() {
        let (stage, generation, since) = (text(&overdue["stage"]), &overdue["generation"], text(&overdue["since"]));
        let limit = length_text(overdue["limit_ms"].as_u64().unwrap_or_default());
        lines.push(("overdue", format!("{stage} of generation {generation}, since {since}: its limit is {limit}")));
    }
    let training = &campaign["training"];
    if training.is_object() {
        let (step, steps) = (&training["step"], &training["steps"]);
        let losses = format!("policy loss {}, value loss {}", training["policy_loss"], training["value_loss"]);
        lines.push(("training", format!("step {step} of {steps}, {losses}")));
    }
    for decided in campaign["decided"].as_array().into_iter().flatten() {
        let verdict = format!("{} {}", decided["generation"], text(&decided["verdict"]));
        lines.push(("generation", format!("{verdict}: {}", scores_text(&decided["scores"]))));
    }
    if campaign["exam"].as_array().is_some_and(|exam| !exam.is_empty()) {
        lines.push(("exam", scores_text(&campaign["exam"])));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::{footer, printer};
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    fn row() -> Value {
        json!({
            "id": "n1", "cluster": "demo", "leader": "n2", "term": 4, "seq": 104233, "health": "degraded", "hosts": 3, "hosts_online": 2,
            "jobs_queued": 3, "jobs_running": 2,
            "campaign": {"game": "connect4", "generation": 2, "generations": 4, "phase": "self_play",
                "waits_for": "120 more verified games (40 wait for their replay)", "champion": "model/connect4-g1-1f00ab42",
                "overdue": [{"stage": "self_play", "generation": 2, "since": "2026-01-02T03:04:05.000Z", "limit_ms": 21_600_000}],
                "games_verified": 360, "games_recorded": 400, "games_target": 480, "positions": 12000,
                "training": null, "matches": [],
                "decided": [{"generation": 1, "verdict": "promoted", "games": 480, "samples": 15000, "training": null, "seq": 900,
                    "scores": [{"opponent": "random", "rate": 0.975, "low": 0.87, "high": 0.996}]}],
                "exam": [], "completed": false}
        })
    }

    #[test]
    fn the_cluster_on_one_screen() {
        let (mut out, buffer) = printer(Format::Table);
        assert_eq!(show(&mut out, row(), &footer()), Ok(ExitCode::Ok));
        expect![[r#"
            cluster     demo, degraded
            hosts       2 of 3 online
            leader      n2 in term 4
            jobs        3 queued, 2 running
            campaign    connect4: generation 2 of 4, self_play
            waits for   120 more verified games (40 wait for their replay)
            champion    model/connect4-g1-1f00ab42
            games       360 of 480 verified, 400 recorded
            overdue     self_play of generation 2, since 2026-01-02T03:04:05.000Z: its limit is 6h
            generation  1 promoted: random 97.5% [87.0, 99.6]
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&buffer.text());
    }

    #[test]
    fn a_projection_that_stopped_is_on_the_screen_and_makes_the_node_unhealthy() {
        let mut row = row();
        row["campaign"] = Value::Null;
        row["projections"] = json!([
            {"id": "projection/hosts", "state": "running", "seq": 104233, "lag": 0, "rows": 3, "agrees": true, "diverged": {}},
            {"id": "projection/jobs", "state": "stopped", "seq": 7, "lag": 104226, "rows": null, "error": "attempt to add with overflow",
             "failing_seq": 8, "failing_kind": "JOB_CLAIMED", "diverged": {}},
        ]);
        let (mut out, buffer) = printer(Format::Wide);
        assert_eq!(show(&mut out, row, &footer()), Ok(ExitCode::Unhealthy));
        expect![[r#"
            cluster     demo, degraded
            hosts       2 of 3 online
            leader      n2 in term 4
            jobs        3 queued, 2 running
            stopped     projection/jobs before record 8 (JOB_CLAIMED): attempt to add with overflow

            ID                STATE    SEQ     LAG     ROWS  AGREES  FAILING_SEQ  FAILING_KIND  ERROR                         COMPARED_SEQ  DIVERGED_ON
            projection/hosts  running  104233  0       3     true    -            -             -                             -             -
            projection/jobs   stopped  7       104226  -     -       8            JOB_CLAIMED   attempt to add with overflow  -             -
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&buffer.text());
    }

    #[test]
    fn without_a_leader_or_a_quorum_it_is_unhealthy() {
        let alone = Footer { leader: None, ..footer() };
        assert_eq!(show(&mut printer(Format::Json).0, row(), &alone), Ok(ExitCode::Unhealthy));
        let lost = json!({"id": "n1", "health": "lost"});
        let (mut out, buffer) = printer(Format::Name);
        assert_eq!(show(&mut out, lost, &footer()), Ok(ExitCode::Unhealthy));
        assert!(buffer.text().starts_with("n1\n"));
    }

    #[test]
    fn the_job_that_waits_longest_is_named() {
        let mut row = row();
        row["longest_queued"] = json!({"job": "job/7", "since": "2026-01-02T03:04:05Z"});
        let (mut out, buffer) = printer(Format::Table);
        show(&mut out, row, &footer()).expect("shown");
        assert!(
            buffer.text().contains("\nwaits       job/7 since 2026-01-02T03:04:05Z, longest of all\n"),
            "{}",
            buffer.text()
        );
    }

    #[test]
    fn copies_that_are_missing_are_counted() {
        let mut row = row();
        row["copies_missing"] = json!({"blobs": 3, "since": "2026-01-02T03:04:05Z"});
        let (mut out, buffer) = printer(Format::Table);
        show(&mut out, row, &footer()).expect("shown");
        let line = "\ncopies      too few online of 3 blobs, wanted since 2026-01-02T03:04:05Z\n";
        assert!(buffer.text().contains(line), "{}", buffer.text());
    }

    #[test]
    fn a_full_disk_is_named_and_makes_the_node_unhealthy() {
        let full = Footer { disk_full: true, ..footer() };
        let (mut out, buffer) = printer(Format::Table);
        assert_eq!(show(&mut out, row(), &full), Ok(ExitCode::Unhealthy));
        let text = buffer.text();
        assert!(text.contains("\nthe disk of n1 is full; at 104233 (n1, 2 records"), "{text}");
    }
}
