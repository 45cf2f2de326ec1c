//! Whether a gauntlet's evaluator can be believed: chance must not beat the model that it judges, in a promotion or in an exam.
//!
//! Where it does, nothing else of the gauntlet counts: its model is not promoted, its matches rate nobody, and an exam gives no scores.

use super::seats::seats;
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::evaluation::MatchTally;
use crate::event::jobs::Contender;
use crate::event::judgement::EvaluatorFaulty;
use crate::event::{Event, Real};
use crate::judge::{Canary, Faulty};
use crate::projection::gauntlets::{Gauntlet, Opponent};

/// What shows that the gauntlet's evaluator is faulty, if anything does. Without games against chance nothing is known, and nothing is wrong.
pub(super) fn alarm(gauntlet: &Gauntlet) -> Option<Faulty> {
    Canary::new(seats(&gauntlet.game), against_chance(gauntlet)?).check().err()
}

/// `EVALUATOR_FAULTY` for a gauntlet that is about to be concluded, where every member can read it.
pub(super) fn decide(view: &View, gauntlet: &Gauntlet) -> Option<Decision> {
    let Faulty { share, parity, games } = alarm(gauntlet)?;
    let real = |value| Real::from_f64(value).unwrap_or(Real::ZERO);
    let event = Event::from(EvaluatorFaulty {
        gauntlet: gauntlet.gauntlet.clone(),
        share: real(share),
        parity: real(parity),
        games: u32::try_from(games).unwrap_or(u32::MAX),
    });
    let causes = random(gauntlet).and_then(|random| random.last_seq);
    is_readable(view.state, &event).then(|| Decision::new(event, causes))
}

fn random(gauntlet: &Gauntlet) -> Option<&Opponent> {
    gauntlet.opponents.iter().find(|opponent| opponent.plan.opponent == Contender::Random)
}

fn against_chance(gauntlet: &Gauntlet) -> Option<&MatchTally> {
    random(gauntlet).map(|random| &random.tally)
}
