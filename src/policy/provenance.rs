//! What was really used against what was to be used.
//!
//! Records of games name who chose the actions: the weights, or the game's own judgement where a generation is taught, with a budget. Whoever
//! verifies a batch compares it with the job: games by anybody else are not those of the model that they would be credited to, however legal
//! they are. A training run says which dataset and which weights it began with, and its plan says which it was to begin with.

use crate::event::Hash;
use crate::event::jobs::{JobSpec, SelfPlaySpec};
use crate::event::training::TrainingPlan;
use crate::game::record::{Due, Generator, opening_plies_max};
use crate::projection::State;

/// What a batch's games were to be; none for a batch whose job is no longer known, which never has a score either.
pub fn due(state: &State, batch: &Hash) -> Option<Due> {
    let batch = state.games.get(batch)?;
    let JobSpec::SelfPlay(spec) = &state.jobs.get(&batch.job)?.spec else { return None };
    let weights = (!is_taught(state, spec)).then_some(spec.weights.0);
    let search = &spec.search;
    let gumbel_scale = search.gumbel_scale.to_f64() as f32;
    let player = Generator::search(weights, search.simulations, search.considered, gumbel_scale);
    Some(Due { player, opening_plies_max: opening_plies_max(spec.sampled_plies) })
}

/// Whether a teacher plays this job's games.
pub fn is_taught(state: &State, spec: &SelfPlaySpec) -> bool {
    state.campaign.generation(&spec.game, spec.generation).is_some_and(|generation| generation.taught.is_some())
}

/// Whether a run began with the dataset and the weights of its plan: `dataset` and `parent` are what its worker says that it read.
///
/// # Errors
/// What differs or is missing, in words. What is not said is not believed.
pub fn learned_as_planned(
    plan: Option<&TrainingPlan>,
    dataset: Option<&Hash>,
    parent: Option<&Hash>,
) -> Result<(), String> {
    let plan = plan.ok_or("the run has no plan: nothing says what it is to learn from")?;
    let pairs = [("dataset", dataset, &plan.content), ("parent", parent, &plan.parent_weights)];
    pairs.into_iter().try_for_each(|(what, found, planned)| match found {
        Some(found) if found == planned => Ok(()),
        Some(found) => Err(format!("the run's {what} was {} instead of {}", found.short(), planned.short())),
        None => Err(format!("the worker does not say which {what} the run had: upgrade it")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::JobQueued;
    use crate::event::samples::{hash, sample, specs};
    use crate::event::{Event, Kind};
    use crate::policy::testing::{Given, config, generation_one};

    /// A batch of generation 1 and the job that brought it.
    fn recorded(given: Given) -> Given {
        let Event::GamesRecorded(recorded) = sample(Kind::GamesRecorded) else { unreachable!() };
        let (job, spec) = (recorded.job.clone(), specs().swap_remove(0));
        let queued = JobQueued { job, spec, priority: 0, lease_ms: 1, attempts_max: 1, avoid: vec![] };
        given.and(queued).and(recorded)
    }

    fn due(given: &Given) -> Option<Due> {
        super::due(&given.state, &hash("batch"))
    }

    #[test]
    fn it_is_the_jobs_weights_or_the_teacher_with_the_jobs_budget() {
        let (simulations, considered) = (48, 7);
        let given = recorded(generation_one(config(40)));
        let weights = hash("weights 0").0;
        let net = Generator::Model { weights, simulations, considered, gumbel_scale_millionths: 1_000_000 };
        // The sample samples ten plies.
        let by = |player| Some(Due { player, opening_plies_max: 20 });
        assert_eq!(due(&given), by(net));
        let taught = recorded(generation_one(config(40)).and(sample(Kind::GenerationTaught)));
        assert_eq!(due(&taught), by(Generator::Planner { simulations, considered }));
    }

    #[test]
    fn of_a_batch_without_a_job_nothing_is_known() {
        let given = generation_one(config(40));
        assert_eq!(due(&given), None);
        assert_eq!(due(&given.and(sample(Kind::GamesRecorded))), None);
    }

    #[test]
    fn a_run_had_what_was_planned_or_is_none() {
        let Event::TrainingPlanned(planned) = sample(Kind::TrainingPlanned) else { unreachable!() };
        let (plan, other) = (planned.plan, hash("another"));
        let (content, weights, found) = (plan.content, plan.parent_weights, other.short());
        let check = |dataset, parent| learned_as_planned(Some(&plan), dataset, parent);
        assert_eq!(check(Some(&content), Some(&weights)), Ok(()));
        let cases = [
            (Some(&other), Some(&weights), format!("the run's dataset was {found} instead of {}", content.short())),
            (Some(&content), Some(&other), format!("the run's parent was {found} instead of {}", weights.short())),
            (None, Some(&weights), "the worker does not say which dataset the run had: upgrade it".to_owned()),
            (Some(&content), None, "the worker does not say which parent the run had: upgrade it".to_owned()),
        ];
        for (dataset, parent, error) in cases {
            assert_eq!(check(dataset, parent), Err(error));
        }
        let unplanned = learned_as_planned(None, Some(&content), Some(&weights));
        assert_eq!(unplanned, Err("the run has no plan: nothing says what it is to learn from".to_owned()));
    }
}
