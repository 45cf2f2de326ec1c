//! Gauntlets: planned when a candidate is there, played in pieces, concluded when every piece is in or given up.

use super::campaign::exam_due;
use super::limits::{GAUNTLET_QUEUED_MAX, PRIORITY_GAUNTLET};
use super::names;
use super::view::{Decision, View};
use crate::event::config::Config;
use crate::event::evaluation::{GauntletConcluded, GauntletPurpose, GauntletStarted, MatchPlan, Score};
use crate::event::jobs::{Contender, GauntletSpec, JobQueued, JobSpec, ModelContender, SearchRecipe};
use crate::event::{GameKey, GauntletId, Real, Seq};
use crate::projection::gauntlets::{Chunk, Gauntlet};
use crate::projection::jobs::JobState;
use crate::projection::models::{Model, ModelState};

/// `GAUNTLET_STARTED` for a new candidate, and for the last champion's exam; `JOB_QUEUED` for the pairs that nobody
/// plays yet; `GAUNTLET_CONCLUDED` when all pairs are in. Pairs whose job has failed for good are left out: whether the
/// rest is enough is for the gate to say.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let exam = exam_due(view.state, config, game).map(|generations| names::exam(game, generations));
    let current = view.state.campaign.current(game).filter(|row| row.verdict.is_none());
    let candidate = current.and_then(|row| row.candidate.as_ref()).and_then(|model| view.state.models.get(model));
    let promotion = candidate.map(|model| names::gauntlet(game, model.generation));
    let Some(id) = promotion.or(exam) else { return vec![] };
    match (view.state.gauntlets.get(&id), candidate) {
        (Some(gauntlet), _) => go_on(view, config, gauntlet),
        (None, Some(candidate)) => start_promotion(view, config, game, id, candidate).into_iter().collect(),
        (None, None) => start_exam(view, config, game, id).into_iter().collect(),
    }
}

fn start_promotion(
    view: &View,
    config: &Config,
    game: &GameKey,
    id: GauntletId,
    candidate: &Model,
) -> Option<Decision> {
    let champion = view.state.models.get(&view.state.models.champion(game)?.model)?;
    let plan = &config.gauntlet;
    let matches = vec![
        MatchPlan { opponent: Contender::Random, pairs: plan.random_pairs },
        MatchPlan { opponent: Contender::AlphaBeta(plan.alpha_beta_depth), pairs: plan.alpha_beta_pairs },
        MatchPlan { opponent: Contender::Model(contender(config, champion)), pairs: plan.champion_pairs },
    ];
    let event = started(config, id, candidate, GauntletPurpose::Promotion, matches);
    Some(Decision::new(event, [candidate.created_seq]))
}

/// The last champion against random, and against generation 0 unless it is that itself.
fn start_exam(view: &View, config: &Config, game: &GameKey, id: GauntletId) -> Option<Decision> {
    let champion = view.state.models.champion(game)?;
    let model = view.state.models.get(&champion.model)?;
    let mut matches = vec![MatchPlan { opponent: Contender::Random, pairs: config.gauntlet.exam_random_pairs }];
    let origin = view.state.models.of_generation(game, 0).find(|model| model.state == ModelState::Former);
    if let Some(origin) = origin {
        let opponent = Contender::Model(contender(config, origin));
        matches.push(MatchPlan { opponent, pairs: config.gauntlet.exam_origin_pairs });
    }
    let decided = view.state.campaign.current(game).and_then(|row| row.decided_seq);
    let event = started(config, id, model, GauntletPurpose::Exam, matches);
    Some(Decision::new(event, decided.into_iter().chain([champion.seq])))
}

fn started(
    config: &Config,
    gauntlet: GauntletId,
    candidate: &Model,
    purpose: GauntletPurpose,
    matches: Vec<MatchPlan>,
) -> GauntletStarted {
    GauntletStarted {
        game: candidate.game.clone(),
        generation: candidate.generation,
        purpose,
        candidate: contender(config, candidate),
        matches: matches.into_iter().filter(|plan| plan.pairs > 0).collect(),
        seed: names::seed(config.seed, gauntlet.as_str()),
        gauntlet,
    }
}

fn contender(config: &Config, model: &Model) -> ModelContender {
    let search = SearchRecipe {
        simulations: config.gauntlet.simulations,
        considered: config.gauntlet.considered,
        gumbel_scale: Real::ZERO,
    };
    ModelContender { model: model.model.clone(), weights: model.weights, search }
}

fn go_on(view: &View, config: &Config, gauntlet: &Gauntlet) -> Vec<Decision> {
    if gauntlet.concluded_seq.is_some() {
        return vec![];
    }
    let (jobs, all_queued) = missing_jobs(view, config, gauntlet);
    let is_over = |chunk: &Chunk| chunk.played_seq.is_some() || !view.state.jobs.is_live(&chunk.job);
    if !all_queued || !jobs.is_empty() || !gauntlet.chunks.iter().all(is_over) {
        return jobs;
    }
    let score = |opponent: &crate::projection::gauntlets::Opponent| {
        Score::from_tally(opponent.plan.opponent.name(), &opponent.tally)
    };
    let event = GauntletConcluded {
        gauntlet: gauntlet.gauntlet.clone(),
        candidate: gauntlet.candidate.model.clone(),
        scores: gauntlet.opponents.iter().map(score).collect(),
    };
    let played = gauntlet.opponents.iter().filter_map(|opponent| opponent.last_seq);
    vec![Decision::new(event, played.chain([gauntlet.started_seq]))]
}

/// Jobs for pairs that have none, as many as may wait; and whether these are all.
fn missing_jobs(view: &View, config: &Config, gauntlet: &Gauntlet) -> (Vec<Decision>, bool) {
    let waits = |chunk: &&Chunk| view.state.jobs.get(&chunk.job).is_some_and(|job| job.state == JobState::Queued);
    let waiting = gauntlet.chunks.iter().filter(waits).count();
    let mut room = GAUNTLET_QUEUED_MAX.saturating_sub(waiting);
    let mut decisions = vec![];
    for (index, opponent) in gauntlet.opponents.iter().enumerate() {
        let ends = gauntlet.chunks.iter().filter(|chunk| chunk.opponent as usize == index);
        let mut first_pair = ends.map(|chunk| chunk.first_pair.saturating_add(chunk.pairs)).max().unwrap_or(0);
        while first_pair < opponent.plan.pairs {
            if room == 0 {
                return (decisions, false);
            }
            room -= 1;
            let pairs = (opponent.plan.pairs - first_pair).min(config.gauntlet.pairs_per_job.max(1));
            let job = queue(config, gauntlet, index, first_pair, pairs);
            decisions.push(Decision::new(job, [gauntlet.started_seq]));
            first_pair += pairs;
        }
    }
    (decisions, true)
}

fn queue(config: &Config, gauntlet: &Gauntlet, opponent: usize, first_pair: u32, pairs: u32) -> JobQueued {
    let spec = GauntletSpec {
        gauntlet: gauntlet.gauntlet.clone(),
        game: gauntlet.game.clone(),
        candidate: gauntlet.candidate.clone(),
        opponent: gauntlet.opponents[opponent].plan.opponent.clone(),
        first_pair,
        pairs,
        opening_plies: config.gauntlet.opening_plies,
        seed: gauntlet.seed,
    };
    JobQueued {
        job: names::gauntlet_job(&gauntlet.gauntlet, opponent, first_pair),
        spec: JobSpec::Gauntlet(spec),
        priority: PRIORITY_GAUNTLET,
        lease_ms: config.cluster.lease_ms,
        attempts_max: config.cluster.attempts_max,
        avoid: vec![],
    }
}

/// The causes that a verdict on a gauntlet has.
pub(super) fn concluded(gauntlet: &Gauntlet) -> impl Iterator<Item = Seq> {
    gauntlet.concluded_seq.into_iter().chain([gauntlet.started_seq])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::event::evaluation::{MatchTally, MatchesPlayed};
    use crate::event::jobs::JobCancelled;
    use crate::event::samples::NODE;
    use crate::policy::testing::{Given, candidate_one, config};

    fn played(queued: &[Decision], wins: u32) -> impl Iterator<Item = Event> {
        queued.iter().map(move |decision| {
            let Event::JobQueued(JobQueued { job, spec: JobSpec::Gauntlet(spec), .. }) = &decision.event else {
                panic!("a gauntlet job")
            };
            let tally = MatchTally { wins, pairs: vec![0, 0, 0, 0, spec.pairs], ..MatchTally::default() };
            let (gauntlet, job, first_pair) = (spec.gauntlet.clone(), job.clone(), spec.first_pair);
            MatchesPlayed { gauntlet, job, host: NODE, opponent: 0, first_pair, tally }.into()
        })
    }

    #[test]
    fn a_candidate_meets_all_three_and_the_gauntlet_concludes_once() {
        let given: Given = candidate_one(config(40));
        let started = given
            .decide(decide)
            .then_fields(&["GAUNTLET_STARTED gauntlet/connect4-g1 promotion"], &["gauntlet", "purpose"]);
        let queued = started.applied().decide(decide);
        assert_eq!(queued.decisions().len(), 2 + 2 + 6);
        let jobs = queued.decisions().to_vec();
        let given = queued.settled(decide);
        let given = given.and_all(played(&jobs[..9], 20)).decide(decide).then(&[]).applied();
        let done = given.and_all(played(&jobs[9..], 20)).decide(decide);
        let scores = "GAUNTLET_CONCLUDED random 40 alphabeta-4 40 model/connect4-g0-00112233 120";
        let fields = &[
            "scores.0.opponent",
            "scores.0.games",
            "scores.1.opponent",
            "scores.1.games",
            "scores.2.opponent",
            "scores.2.games",
        ];
        done.then_fields(&[scores], fields).settled(decide);
    }

    #[test]
    fn pairs_that_nobody_could_play_are_left_out() {
        let given = candidate_one(config(40)).decide(decide).applied().decide(decide);
        let jobs = given.decisions().to_vec();
        let Event::JobQueued(first) = &jobs[0].event else { panic!("a job") };
        let cancelled = JobCancelled { job: first.job.clone(), reason: "no host".into() };
        let given = given.applied().and(Event::from(cancelled)).and_all(played(&jobs[1..], 20)).decide(decide);
        given.then_fields(&["GAUNTLET_CONCLUDED 20"], &["scores.0.games"]).settled(decide);
    }
}
