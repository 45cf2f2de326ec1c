//! Ratings of a game's players, from every match that the log counts. Computed when asked for, stored nowhere: after any
//! correction of the arithmetic the whole history is rated anew.
//!
//! Matches of a gauntlet that is void, or in which chance beat the candidate, rate nobody: it is not known who played them.

use std::collections::BTreeSet;

use super::canary;
use super::seats::seats;
use crate::event::judgement::TestVerdict;
use crate::event::{GameKey, Real};
use crate::judge::ratings::{Ledger, Rating, RatingError, WIN};
use crate::judge::units_per_game;
use crate::projection::State;
use crate::projection::gauntlets::Gauntlet;

/// The player that every gauntlet meets, and where the scale begins.
pub const ANCHOR: &str = "random";

/// The games that have gauntlets.
pub fn games(state: &State) -> BTreeSet<GameKey> {
    state.gauntlets.table.values().map(|gauntlet| gauntlet.game.clone()).collect()
}

/// Whether the matches of a gauntlet say anything about strength.
fn is_evidence(gauntlet: &Gauntlet) -> bool {
    let is_void = gauntlet.found.as_ref().is_some_and(|found| found.verdict == TestVerdict::Void);
    !is_void && canary::alarm(gauntlet).is_none()
}

/// The ratings of one game, strongest first. A game is a board with its number of players: ratings of different ones are never mixed.
/// The random player is the anchor, at 0 Elo.
///
/// # Errors
/// When the random player has not met anybody yet: then nothing fixes the scale.
pub fn ratings(state: &State, game: &GameKey) -> Result<Vec<Rating>, RatingError> {
    ledger(state, game).ratings()
}

/// The counted results of one game. To rate them takes a while, for which the state need not be held.
pub fn ledger(state: &State, game: &GameKey) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.pin(ANCHOR, Real::ZERO);
    let (seats, unit) = (seats(game), u64::from(units_per_game(seats(game))));
    let gauntlets = state.gauntlets.table.values();
    for gauntlet in gauntlets.filter(|gauntlet| gauntlet.game == *game && is_evidence(gauntlet)) {
        let candidate = gauntlet.candidate.model.to_string();
        for opponent in &gauntlet.opponents {
            let tally = &opponent.tally;
            let games = u64::from(tally.wins) + u64::from(tally.draws) + u64::from(tally.losses);
            let units: u64 = tally.pairs.iter().zip(0_u64..).map(|(groups, units)| u64::from(*groups) * units).sum();
            let won = (units * (WIN / unit)).min(games * WIN);
            let name = opponent.plan.opponent.name();
            let lost = [(candidate.as_str(), won), (name.as_str(), games * WIN - won)];
            if games > 0 {
                ledger.add(&[(&candidate, 1), (&name, seats - 1)], &lost);
            }
        }
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::evaluation::{GauntletPurpose, GauntletStarted, MatchPlan, MatchTally, MatchesPlayed};
    use crate::event::jobs::{Contender, JobQueued, JobSpec};
    use crate::event::samples::{game, sample, specs};
    use crate::event::{Event, JobId};
    use crate::policy::testing::Given;

    /// A gauntlet of one model against random: so many pairs won of twenty.
    fn gauntlet(number: u32, won: u32) -> Vec<Event> {
        let Event::GauntletStarted(mut started) = sample(Kind::GauntletStarted) else { unreachable!() };
        let Event::MatchesPlayed(mut played) = sample(Kind::MatchesPlayed) else { unreachable!() };
        let JobSpec::Gauntlet(mut spec) = specs().swap_remove(4) else { unreachable!() };
        started.gauntlet = crate::event::GauntletId::new(format!("connect4-g{number}"));
        started.candidate.model = crate::event::ModelId::new(format!("connect4-g{number}"));
        started.matches = vec![MatchPlan { opponent: Contender::Random, pairs: 20 }];
        (spec.gauntlet, spec.opponent) = (started.gauntlet.clone(), Contender::Random);
        let job = JobId::new(format!("g{number}"));
        let tally = MatchTally {
            wins: 2 * won,
            draws: 0,
            losses: 40 - 2 * won,
            pairs: vec![20 - won, 0, 0, 0, won],
            ..played.tally
        };
        played = MatchesPlayed { gauntlet: started.gauntlet.clone(), job: job.clone(), opponent: 0, tally, ..played };
        let spec = JobSpec::Gauntlet(spec);
        let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        [GauntletStarted::into(started), queued.into(), played.into()].into()
    }

    #[test]
    fn ratings_follow_from_the_log_whatever_its_order() {
        let order = |numbers: [(u32, u32); 3]| {
            let events = numbers.into_iter().flat_map(|(number, won)| gauntlet(number, won));
            ratings(&Given::events(events).state, &game()).expect("random was met")
        };
        let found = order([(1, 10), (2, 15), (3, 18)]);
        let names: Vec<&str> = found.iter().map(|rating| rating.player.as_str()).collect();
        assert_eq!(names[..2], ["model/connect4-g3", "model/connect4-g2"]);
        let even = found.iter().find(|rating| rating.player == "model/connect4-g1").expect("rated");
        assert_eq!((even.elo.to_f64().round(), even.games), (0.0, 40));
        assert!(even.low < Real::ZERO && even.high > Real::ZERO);
        assert_eq!(found, order([(3, 18), (1, 10), (2, 15)]));
    }

    #[test]
    fn matches_of_a_void_evaluation_rate_nobody() {
        use crate::event::judgement::{SequentialTestConcluded, SequentialTestPlanned};
        let Event::SequentialTestPlanned(planned) = sample(Kind::SequentialTestPlanned) else { unreachable!() };
        let Event::SequentialTestConcluded(found) = sample(Kind::SequentialTestConcluded) else { unreachable!() };
        let after = |verdict, won| {
            let mut events = gauntlet(1, won);
            let id = crate::event::GauntletId::new("connect4-g1");
            let planned = SequentialTestPlanned { gauntlet: id.clone(), seats: 2, ..planned.clone() };
            events.insert(1, planned.into());
            events.push(SequentialTestConcluded { gauntlet: id, verdict, ..found.clone() }.into());
            ratings(&Given::events(events).state, &game()).map(|rated| rated.len())
        };
        assert_eq!(after(TestVerdict::Better, 15), Ok(2));
        assert_eq!(after(TestVerdict::Void, 15), Err(RatingError::NoAnchor));
        assert_eq!(after(TestVerdict::Better, 1), Err(RatingError::NoAnchor), "chance beats the candidate: the canary");
    }

    #[test]
    fn matches_of_an_exam_in_which_chance_beats_the_model_rate_nobody() {
        let examined = |won| {
            let mut events = gauntlet(1, won);
            let Event::GauntletStarted(started) = &mut events[0] else { unreachable!() };
            started.purpose = GauntletPurpose::Exam;
            ratings(&Given::events(events).state, &game()).map(|rated| rated.len())
        };
        assert_eq!(examined(8), Ok(2));
        assert_eq!(examined(1), Err(RatingError::NoAnchor));
    }

    #[test]
    fn without_a_match_nothing_is_known() {
        assert_eq!(ratings(&Given::events([]).state, &game()), Err(RatingError::NoAnchor));
    }
}
