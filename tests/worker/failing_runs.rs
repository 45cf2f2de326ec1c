//! Training runs that go wrong: the reason reaches the node, which records it with `TRAINING_FAILED`.

use kifu::event::jobs::JobSpec;
use kifu::event::training::{Nesterov, Optimizer, TrainingPlan, TrainingRecipe};
use kifu::event::{Hash, Real};
use kifu::work::protocol::WorkerResult;

use super::{Worker, plan, self_play, train};

/// A worker with a model and some of its games.
fn with_games(games: u32) -> (Worker, Hash, Hash) {
    let mut worker = Worker::start();
    let model = worker.init_model();
    let (result, scratch, _) = worker.done(self_play(model, games));
    let WorkerResult::SelfPlay { file, .. } = result else { panic!("{result:?}") };
    let batch = worker.store(&scratch.join(file));
    (worker, model, batch)
}

/// The words with which a run by this recipe fails; it must not be tried again.
fn failure(worker: &mut Worker, spec: &JobSpec, change: impl FnOnce(TrainingRecipe) -> TrainingRecipe) -> String {
    let good = plan(spec);
    let recipe = change(good.recipe.clone());
    let plan = TrainingPlan { recipe_hash: recipe.hash(), recipe, ..good };
    let scratch = worker.folder.path().join(format!("failing-{}", worker.jobs));
    std::fs::create_dir(&scratch).expect("a folder");
    let assigned = worker.assign_planned(spec.clone(), Some(plan), scratch.clone());
    let (message, retry) = worker.await_end(assigned).0.expect_err("fails");
    assert!(!retry, "{message}");
    assert!(std::fs::read_dir(scratch).expect("there").next().is_none(), "no model is left behind");
    message
}

#[test]
fn an_absurd_rate_ends_the_run_with_the_figure_that_shows_it() {
    let (mut worker, model, batch) = with_games(4);
    let spec = train(model, vec![batch], 40);
    let message = failure(&mut worker, &spec, |good| TrainingRecipe {
        optimizer: Optimizer::Nesterov(Nesterov {
            learning_rate: Real(1_000_000 * Real::SCALE),
            momentum: Real(900_000),
            weight_decay: Real::ZERO,
        }),
        gradient_norm_max: Real(1_000_000 * Real::SCALE),
        warmup_steps: 0,
        ..good
    });
    assert!(message.contains("training diverged at step") && message.contains("lower the learning rate"), "{message}");
    // The worker is none the worse for it.
    worker.done(train(model, vec![batch], 2));
}
