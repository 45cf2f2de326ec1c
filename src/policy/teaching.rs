//! Who plays a campaign's first games: where the game judges positions itself, a teacher and not random weights.
//!
//! Games between players that know nothing are decided by their last few moves, and teach a net next to nothing of the rest. A search whose leaves the
//! game itself judges plays much better, costs no net, and what it finds teaches the first net. Once a champion has learned from them, nets learn from
//! their own games alone: a search with a net that knows what its teacher knew finds more than the teacher did.

use super::limits::{TEACHER_CONSIDERED, TEACHER_SIMULATIONS};
use super::upgrade::is_readable;
use super::view::{Decision, View};
use crate::event::campaign::{GenerationTaught, Teaching};
use crate::event::config::Config;
use crate::event::jobs::SearchRecipe;
use crate::event::{Event, Real};
use crate::game::registry::facts;
use crate::projection::State;
use crate::projection::campaign::Generation;
use crate::projection::games::Batch;

/// The generation that a teacher plays for.
const TAUGHT_GENERATION: u32 = 1;

/// `GENERATION_TAUGHT` for the first generation of a game that judges positions itself, before anything is queued for it.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let Some(current) = view.state.campaign.current(game) else { return vec![] };
    due(view, config, current).map(|event| Decision::new(event, [current.opened_seq])).into_iter().collect()
}

/// What has to be recorded before the generation's first game.
pub(super) fn due(view: &View, config: &Config, current: &Generation) -> Option<Event> {
    let has_judgement = facts(&current.game.0).is_some_and(|facts| facts.has_judgement);
    let untouched = current.taught.is_none() && current.self_play_jobs == 0 && current.verdict.is_none();
    if !config.teacher.enabled || !has_judgement || !untouched || current.generation != TAUGHT_GENERATION {
        return None;
    }
    let teaching = teaching(config);
    let event = GenerationTaught { game: current.game.clone(), generation: current.generation, teaching };
    Some(Event::from(event)).filter(|event| is_readable(view.state, event))
}

/// More games than of a net, as they cost so much less, in as many jobs; and steps to learn from them.
fn teaching(config: &Config) -> Teaching {
    let (play, factor) = (&config.self_play, config.teacher.games_factor);
    Teaching {
        search: SearchRecipe {
            simulations: TEACHER_SIMULATIONS,
            considered: TEACHER_CONSIDERED,
            gumbel_scale: Real::ONE,
        },
        games: play.games.saturating_mul(factor),
        games_per_job: play.games_per_job.saturating_mul(factor),
        steps: config.train.steps.saturating_mul(factor),
    }
}

/// Whether a teacher played these games, and not the model that they name.
pub(super) fn is_taught(state: &State, batch: &Batch) -> bool {
    let generation = state.campaign.generation(&batch.game, batch.generation);
    generation.is_some_and(|generation| generation.taught.is_some())
}

/// Whether these are a teacher's games of which whoever plays for `generation` has learned already: since they were played there is another
/// champion. As long as there is none they stay, for they are better than random weights' own.
pub(super) fn is_outgrown(state: &State, batch: &Batch, generation: u32) -> bool {
    let champion = |generation| state.campaign.generation(&batch.game, generation).map(|row| &row.champion);
    is_taught(state, batch) && champion(generation) != champion(batch.generation)
}

/// Games that the generation wants.
pub fn games_wanted(config: &Config, current: &Generation) -> u32 {
    current.taught.as_ref().map_or(config.self_play.games, |teaching| teaching.games)
}

/// Games that a job of the generation plays.
pub(super) fn games_per_job(config: &Config, current: &Generation) -> u32 {
    current.taught.as_ref().map_or(config.self_play.games_per_job, |teaching| teaching.games_per_job).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::campaign::GenerationOpened;
    use crate::event::config::ConfigChanged;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::{GameKey, ModelId};
    use crate::policy::self_play;
    use crate::policy::testing::{Given, config, generation_one};

    const RINGRIFT: &str = "ringrift-hex8-2p";

    /// A generation of a game has just been opened, in a cluster of this version.
    fn opened(game: &str, generation: u32, version: u32) -> Given {
        let Event::ConfigChanged(mut changed) = config(40) else { unreachable!() };
        let game = GameKey(game.to_owned());
        changed.config.game = Some(game.clone());
        let champion = ModelId::new("connect4-g0-00112233");
        let given = generation_one(changed.into()).and(GenerationOpened { game, generation, champion });
        if version > 1 { given.and(ClusterVersionRaised { from: 1, to: version }) } else { given }
    }

    #[test]
    fn the_first_generation_of_a_game_that_judges_itself_is_taught() {
        let given = opened(RINGRIFT, 1, 2);
        given.clone().decide(self_play::decide).then(&[]);
        let search = r#""search":{"considered":16,"gumbel_scale":1.0,"simulations":32}"#;
        let teaching = format!(r#""teaching":{{"games":200,"games_per_job":200,{search},"steps":1500}}"#);
        let taught = format!(r#"GENERATION_TAUGHT {{"game":"{RINGRIFT}","generation":1,{teaching}}}"#);
        let given = given.decide(decide).then(&[&taught]).settled(decide);
        let fields = ["spec.self_play.games", "spec.self_play.search.simulations"];
        given.decide(self_play::decide).then_fields(&["JOB_QUEUED 200 32"], &fields).settled(self_play::decide);
    }

    #[test]
    fn other_games_later_generations_and_older_clusters_are_not() {
        for (game, generation, version) in [("connect4", 1, 2), (RINGRIFT, 2, 2), (RINGRIFT, 1, 1)] {
            let given = opened(game, generation, version);
            given.clone().decide(decide).then(&[]);
            given.decide(self_play::decide).then_fields(&["JOB_QUEUED 40"], &["spec.self_play.games"]);
        }
    }

    #[test]
    fn a_teacher_can_be_turned_off_or_be_given_other_figures() {
        let configured = |change: fn(&mut Config)| {
            let given = opened(RINGRIFT, 1, 3);
            let mut config = given.state.config().expect("configured").clone();
            change(&mut config);
            given.and(ConfigChanged { config, actor: "ada".into() })
        };
        let without = configured(|config| config.teacher.enabled = false);
        without.clone().decide(decide).then(&[]);
        without.decide(self_play::decide).then_fields(&["JOB_QUEUED 40"], &["spec.self_play.games"]);
        let twice = configured(|config| config.teacher.games_factor = 2).decide(decide);
        twice.then_fields(&["GENERATION_TAUGHT 80 600"], &["teaching.games", "teaching.steps"]);
    }

    #[test]
    fn a_generation_that_has_begun_without_a_teacher_goes_on_without_one() {
        let given = opened(RINGRIFT, 1, 1).decide(self_play::decide).applied();
        given.and(ClusterVersionRaised { from: 1, to: 2 }).decide(decide).then(&[]);
    }
}
