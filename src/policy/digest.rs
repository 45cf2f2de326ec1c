//! When all nodes compare their folds.

use super::view::{Decision, View};
use crate::event::Seq;
use crate::event::cluster::StateDigested;

/// `STATE_DIGESTED` after every so many records. Its position is the last record of `view.state`, so it must be the very
/// next record: ask this only when [`super::decide_all`] returned nothing, and append nothing before it. Nodes compare
/// when the position is that of their own state (`projection::digests::compare`), else they cannot tell.
pub fn decide(view: &View) -> Option<Decision> {
    let every = view.state.config()?.cluster.digest_every;
    let last = view.state.digests.last().map_or(Seq(0), |row| row.seq);
    let due = every > 0 && view.state.seq.0.saturating_sub(last.0) >= every;
    due.then(|| Decision::new(StateDigested { position: view.state.seq, digests: view.state.digests() }, []))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::event::config::ConfigChanged;
    use crate::event::samples;
    use crate::policy::testing::{Given, joined};
    use crate::projection::digests::compare;
    use crate::projection::testing::record;

    #[test]
    fn a_digest_follows_every_so_many_records_and_holds_where_it_stands() {
        let mut config = samples::config();
        config.cluster.digest_every = 3;
        let config = Event::from(ConfigChanged { config, actor: "ada".into() });
        let given = Given::events([config, joined(2)]);
        let every = |view: &View| decide(view).into_iter().collect::<Vec<_>>();
        given.clone().decide(every).then(&[]);
        let given = given.and(joined(3)).decide(every).then_kinds(&["STATE_DIGESTED"]);
        let event = given.decisions()[0].event.clone();
        let state = given.state();
        assert_eq!(compare(state, &record(4, event.clone())), Some(vec![]));
        let other = state.clone().and(joined(4));
        assert_eq!(compare(&other, &record(5, event.clone())), None);
        let Event::StateDigested(mut wrong) = event else { unreachable!() };
        wrong.digests[0].digest = crate::event::Hash::of(b"other");
        let found = compare(state, &record(4, wrong)).expect("the same position");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].projection, crate::projection::State::NAMES[0]);
        given.settled(every);
    }
}
