//! Gauntlets: planned when a candidate is there, played in pieces, concluded when every piece is in or given up.

use super::campaign::exam_due;
use super::canary;
use super::limits::{GAUNTLET_JOB_GROUPS_MAX, GAUNTLET_QUEUED_MAX, PRIORITY_GAUNTLET};
use super::names;
use super::sequential;
use super::view::{Decision, View};
use crate::event::config::Config;
use crate::event::evaluation::{GauntletConcluded, GauntletPurpose, GauntletStarted, MatchPlan, Score};
use crate::event::jobs::{Contender, GauntletSpec, JobCancelled, JobQueued, JobSpec, ModelContender, SearchRecipe};
use crate::event::judgement::TestVerdict;
use crate::event::{GameKey, GauntletId, Real, Seq};
use crate::game::registry::facts;
use crate::projection::gauntlets::{Chunk, Gauntlet, Opponent};
use crate::projection::jobs::JobState;
use crate::projection::models::{Model, ModelState};

/// `GAUNTLET_STARTED` with its `SEQUENTIAL_TEST_PLANNED` for a new candidate, and `GAUNTLET_STARTED` for the last champion's
/// exam; `JOB_QUEUED` for the groups that nobody plays yet; `SEQUENTIAL_TEST_CONCLUDED` as soon as the test is decided, and `JOB_CANCELLED` for
/// what it makes needless; `GAUNTLET_CONCLUDED` when all groups that are wanted are in, with `EVALUATOR_FAULTY` where chance beats the model. Groups whose job has failed for good are void: too
/// many of them make the evaluation void.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let exam = exam_due(view.state, config, game).map(|generations| names::exam(game, generations));
    let current = view.state.campaign.current(game).filter(|row| row.verdict.is_none());
    let candidate = current.and_then(|row| row.candidate.as_ref()).and_then(|model| view.state.models.get(model));
    let promotion = candidate.map(|model| names::gauntlet(game, model.generation));
    let Some(id) = promotion.or(exam) else { return vec![] };
    match (view.state.gauntlets.get(&id), candidate) {
        (Some(gauntlet), _) => go_on(view, config, gauntlet),
        (None, Some(candidate)) => start_promotion(view, config, game, id, candidate).unwrap_or_default(),
        (None, None) => start_exam(view, config, game, id).into_iter().collect(),
    }
}

/// The plan, and the sequential test that judges the matches against the champion.
fn start_promotion(
    view: &View,
    config: &Config,
    game: &GameKey,
    id: GauntletId,
    candidate: &Model,
) -> Option<Vec<Decision>> {
    let champion = view.state.models.get(&view.state.models.champion(game)?.model)?;
    let plan = &config.gauntlet;
    let matches = vec![
        MatchPlan { opponent: Contender::Random, pairs: plan.random_pairs },
        MatchPlan { opponent: Contender::AlphaBeta(baseline_depth(config, game)), pairs: plan.alpha_beta_pairs },
        MatchPlan { opponent: Contender::Model(contender(config, champion)), pairs: config.judgement.groups_max },
    ];
    let event = started(config, id, candidate, GauntletPurpose::Promotion, matches);
    let test = sequential::plan(config, &event, &champion.model);
    let causes = [candidate.created_seq];
    let test = test.map(|test| Decision::new(test, causes));
    Some([Decision::new(event, causes)].into_iter().chain(test).collect())
}

/// Plies that the fixed baseline looks ahead: one in games that judge positions themselves, which makes it their heuristic. Looking
/// farther takes minutes a move where hundreds of moves are legal.
fn baseline_depth(config: &Config, game: &GameKey) -> u32 {
    let has_judgement = facts(&game.0).is_some_and(|facts| facts.has_judgement);
    if has_judgement { 1 } else { config.gauntlet.alpha_beta_depth }
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
    if let (Some(test), None) = (&gauntlet.test, &gauntlet.found)
        && let Some(event) = sequential::conclude(view, gauntlet, test)
    {
        let progress = sequential::progress(view, gauntlet, test);
        return vec![Decision::new(event, progress.last_seq.into_iter().chain([gauntlet.started_seq]))];
    }
    let mut decisions = unwanted_jobs(view, gauntlet);
    let (jobs, all_queued) = missing_jobs(view, config, gauntlet);
    let is_over = |chunk: &Chunk| {
        chunk.played_seq.is_some()
            || !is_wanted(gauntlet, chunk.opponent as usize)
            || !view.state.jobs.is_live(&chunk.job)
    };
    if !all_queued || !jobs.is_empty() || !gauntlet.chunks.iter().all(is_over) {
        decisions.extend(jobs);
        return decisions;
    }
    let event = GauntletConcluded {
        gauntlet: gauntlet.gauntlet.clone(),
        candidate: gauntlet.candidate.model.clone(),
        scores: scores(view, gauntlet),
    };
    decisions.extend(canary::decide(view, gauntlet));
    let played = gauntlet.opponents.iter().filter_map(|opponent| opponent.last_seq);
    decisions.push(Decision::new(event, played.chain(gauntlet.found_seq).chain([gauntlet.started_seq])));
    decisions
}

/// Whether games against this opponent can still change anything: not once its test has ended, and none at all once the test
/// has gone against the candidate.
fn is_wanted(gauntlet: &Gauntlet, opponent: usize) -> bool {
    let Some(found) = &gauntlet.found else { return true };
    found.verdict == TestVerdict::Better && found.opponent as usize != opponent
}

/// `JOB_CANCELLED` for jobs whose games cannot change anything any more, whether they wait or run: a host stops a job whose lease is gone,
/// and what it hands in nevertheless is refused.
fn unwanted_jobs(view: &View, gauntlet: &Gauntlet) -> Vec<Decision> {
    let is_open = |chunk: &&Chunk| chunk.played_seq.is_none() && view.state.jobs.is_live(&chunk.job);
    let unwanted = gauntlet.chunks.iter().filter(|chunk| !is_wanted(gauntlet, chunk.opponent as usize)).filter(is_open);
    let cancel = |chunk: &Chunk| {
        let reason = "the test has ended: these games can change nothing".to_owned();
        Decision::new(JobCancelled { job: chunk.job.clone(), reason }, gauntlet.found_seq)
    };
    unwanted.map(cancel).collect()
}

/// One score for each opponent. Of the tested one only the games count that the test rests on.
fn scores(view: &View, gauntlet: &Gauntlet) -> Vec<Score> {
    let score = |(index, opponent): (usize, &Opponent)| {
        let test = gauntlet.test.as_ref().filter(|test| test.opponent as usize == index);
        let tested = test.map(|test| sequential::progress(view, gauntlet, test).tally);
        Score::from_tally(opponent.plan.opponent.name(), tested.as_ref().unwrap_or(&opponent.tally))
    };
    gauntlet.opponents.iter().enumerate().map(score).collect()
}

/// Jobs for groups that have none, as many as may wait; and whether these are all. The champion, last in the plan, comes first: its
/// test may make the rest needless.
fn missing_jobs(view: &View, config: &Config, gauntlet: &Gauntlet) -> (Vec<Decision>, bool) {
    let waits = |chunk: &&Chunk| view.state.jobs.get(&chunk.job).is_some_and(|job| job.state == JobState::Queued);
    let waiting = gauntlet.chunks.iter().filter(waits).count();
    let mut room = GAUNTLET_QUEUED_MAX.saturating_sub(waiting);
    let mut decisions = vec![];
    let wanted = |(index, _): &(usize, &Opponent)| is_wanted(gauntlet, *index);
    for (index, opponent) in gauntlet.opponents.iter().enumerate().rev().filter(wanted) {
        let ends = gauntlet.chunks.iter().filter(|chunk| chunk.opponent as usize == index);
        let mut first_pair = ends.map(|chunk| chunk.first_pair.saturating_add(chunk.pairs)).max().unwrap_or(0);
        while first_pair < opponent.plan.pairs {
            if room == 0 {
                return (decisions, false);
            }
            room -= 1;
            let pairs =
                (opponent.plan.pairs - first_pair).min(config.gauntlet.pairs_per_job.clamp(1, GAUNTLET_JOB_GROUPS_MAX));
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
    use crate::event::Command;
    use crate::event::Event;
    use crate::event::Kind;
    use crate::event::command::{CompleteJob, JobResult, LeaseHolder};
    use crate::event::evaluation::{MatchTally, MatchesPlayed};
    use crate::event::jobs::{JobCancelled, JobClaimed, JobStarted};
    use crate::event::judgement::MatchesAttested;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::{NODE, sample};
    use crate::policy::attestation::honest;
    use crate::policy::testing::{Decided, Given, candidate_one, config, joined, online};
    use crate::policy::{campaign, promotion};

    /// The results of these jobs: `wins` of the games of every ten pairs are won, as whole pairs.
    fn played(queued: &[Decision], wins: u32) -> impl Iterator<Item = Event> {
        queued.iter().map(move |decision| {
            let Event::JobQueued(JobQueued { job, spec: JobSpec::Gauntlet(spec), .. }) = &decision.event else {
                panic!("a gauntlet job")
            };
            let won = wins / 2;
            let (losses, pairs) = (2 * spec.pairs - wins, vec![spec.pairs - won, 0, 0, 0, won]);
            let tally = MatchTally { wins, losses, pairs, ..MatchTally::default() };
            let (gauntlet, job, first_pair) = (spec.gauntlet.clone(), job.clone(), spec.first_pair);
            MatchesPlayed { gauntlet, job, host: NODE, opponent: 0, first_pair, tally }.into()
        })
    }

    /// A gauntlet with all its jobs queued: six against the champion, two against alpha-beta, two against random.
    fn queued() -> (Given, Vec<Decision>) {
        let started = candidate_one(config(40)).decide(decide);
        let queued = started.applied().decide(decide);
        let jobs = queued.decisions().to_vec();
        assert_eq!(jobs.len(), 6 + 2 + 2);
        (queued.settled(decide), jobs)
    }

    const FOUND: &[&str] = &["verdict", "groups", "voids", "games"];

    #[test]
    fn a_plan_comes_with_its_test() {
        let fields = &["gauntlet", "purpose", "opponent", "seats", "rule.elo0", "rule.groups_min", "rule.groups_max"];
        candidate_one(config(40)).decide(decide).then_fields(
            &[
                "GAUNTLET_STARTED gauntlet/connect4-g1 promotion no opponent no seats no rule.elo0 no rule.groups_min \
                no rule.groups_max",
                "SEQUENTIAL_TEST_PLANNED gauntlet/connect4-g1 no purpose 2 2 0.0 20 60",
            ],
            fields,
        );
    }

    #[test]
    fn groups_count_in_the_order_of_their_numbers_and_the_test_stops_early() {
        let (given, jobs) = queued();
        let given = given.and_all(played(&jobs[1..3], 20)).and_all(played(&jobs[6..], 20));
        given.clone().decide(decide).then(&[]);
        let given = given.and_all(played(&jobs[..1], 20)).decide(decide);
        let given = given.then_fields(&["SEQUENTIAL_TEST_CONCLUDED better 20 0 120"], FOUND).applied().decide(decide);
        let scores = &["scores.0.opponent", "scores.0.games", "scores.1.games", "scores.2.games", "reason"];
        let cancelled = "JOB_CANCELLED no scores.0.opponent no scores.0.games no scores.1.games no scores.2.games \
            the test has ended: these games can change nothing";
        let concluded = "GAUNTLET_CONCLUDED random 40 40 40 no reason";
        given.then_fields(&[cancelled, cancelled, cancelled, concluded], scores).settled(decide);
    }

    #[test]
    fn a_test_stops_at_the_group_that_decides_it_and_what_its_job_played_besides_does_not_count() {
        let Event::ConfigChanged(mut changed) = config(40) else { unreachable!() };
        changed.config.gate.games_min = 26;
        let queued = candidate_one(changed.into()).decide(decide).applied().decide(decide);
        let jobs = queued.decisions().to_vec();
        let attested = |decision: &Decision| {
            let Event::JobQueued(JobQueued { job, spec: JobSpec::Gauntlet(spec), .. }) = &decision.event else {
                panic!("a gauntlet job")
            };
            let games = honest(spec, &vec![2; 2 * spec.pairs as usize]);
            Event::from(MatchesAttested { gauntlet: spec.gauntlet.clone(), job: job.clone(), host: NODE, games })
        };
        let results = played(&jobs[..2], 20).chain(jobs[..2].iter().map(attested)).chain(played(&jobs[6..], 20));
        let given = queued.applied().and_all(results.collect::<Vec<_>>()).decide(decide);
        let given = given.then_fields(&["SEQUENTIAL_TEST_CONCLUDED better 13 0 120"], FOUND).applied().decide(decide);
        let concluded = given.decisions().last().expect("a conclusion").event.body_json();
        assert_eq!((&concluded["scores"][2]["games"], &concluded["scores"][2]["wins"]), (&26.into(), &26.into()));
    }

    #[test]
    fn a_verdict_stops_the_jobs_that_run_and_refuses_what_they_bring() {
        let (given, jobs) = queued();
        let Event::JobQueued(running) = &jobs[3].event else { panic!("a job") };
        let claim = JobClaimed { job: running.job.clone(), host: NODE, attempt: 1 };
        let given = given.and(joined(NODE.0)).and(online(NODE.0, 1)).and(claim);
        let token = given.state.seq;
        let lease = LeaseHolder { job: running.job.clone(), host: NODE, token };
        let given = given.and(JobStarted { job: running.job.clone(), host: NODE, token });
        let given = given.and_all(played(&jobs[..2], 20)).decide(decide).then_kinds(&["SEQUENTIAL_TEST_CONCLUDED"]);
        let given = given.applied().decide(decide);
        let cancels =
            |decision: &Decision| matches!(&decision.event, Event::JobCancelled(body) if body.job == running.job);
        assert!(given.decisions().iter().any(cancels), "{}", running.job);
        let given = given.settled(decide);
        assert_eq!(given.state.jobs.held().count(), 0, "its host sees that the lease is gone");
        let result = JobResult::Gauntlet(MatchTally::default());
        let late = Command::CompleteJob(CompleteJob { lease, elapsed_ms: 5, result });
        let line = "JOB_RESULT_REFUSED the job was cancelled: the test has ended: these games can change nothing";
        given.when(NODE.0, late).then_fields(&[line], &["reason"]);
    }

    #[test]
    fn a_verdict_follows_from_the_recorded_rule_and_results_alone() {
        use crate::judge::GroupScores;
        for wins in [2, 12, 20] {
            let (given, jobs) = queued();
            let results: Vec<Event> = played(&jobs[..6], wins).collect();
            let Event::SequentialTestPlanned(planned) =
                candidate_one(config(40)).decide(decide).decisions()[1].event.clone()
            else {
                panic!("a test")
            };
            let found = given.and_all(results.clone()).decide(decide);
            let Event::SequentialTestConcluded(found) = &found.decisions()[0].event else { panic!("a verdict") };
            let mut scores = GroupScores::new(planned.seats);
            let ends = |event: &Event| {
                let Event::MatchesPlayed(body) = event else { panic!("results") };
                scores.add(&body.tally);
                let standing = planned.rule.standing(&scores);
                standing.verdict.map(|verdict| (verdict, standing.groups, Real::from_f64(standing.llr)))
            };
            let (verdict, groups, llr) = results.iter().find_map(ends).expect("sixty groups are the most");
            assert_eq!((verdict, groups, llr), (found.verdict, found.groups.into(), Some(found.llr)));
        }
    }

    #[test]
    fn the_other_opponents_are_met_before_a_promotion() {
        let (given, jobs) = queued();
        let given = given.and_all(played(&jobs[..2], 20)).decide(decide).then_kinds(&["SEQUENTIAL_TEST_CONCLUDED"]);
        let given = given.applied().decide(decide).then_kinds(&["JOB_CANCELLED"; 4]).settled(decide);
        let given = given.and_all(played(&jobs[6..], 20)).decide(decide);
        given.then_kinds(&["GAUNTLET_CONCLUDED"]).settled(decide);
    }

    #[test]
    fn a_weak_candidate_costs_no_more_games() {
        let (given, jobs) = queued();
        let given = given.and_all(played(&jobs[..2], 2)).decide(decide);
        let given =
            given.then_fields(&["SEQUENTIAL_TEST_CONCLUDED not_better 20 0 40"], FOUND).applied().decide(decide);
        let kinds: Vec<&str> = ["JOB_CANCELLED"; 8].into_iter().chain(["GAUNTLET_CONCLUDED"]).collect();
        given.then_kinds(&kinds).settled(decide);
    }

    #[test]
    fn what_nobody_could_tell_stays_undecided() {
        let (given, jobs) = queued();
        let given = given.and_all(played(&jobs[..6], 12)).decide(decide);
        given.then_fields(&["SEQUENTIAL_TEST_CONCLUDED undecided 60 0 120"], FOUND);
    }

    #[test]
    fn too_many_void_games_make_the_evaluation_void() {
        let (given, jobs) = queued();
        let Event::JobQueued(lost) = &jobs[7].event else { panic!("a job") };
        let cancelled = JobCancelled { job: lost.job.clone(), reason: "no host".into() };
        let given = given.and_all(played(&jobs[..1], 20)).and(Event::from(cancelled)).decide(decide);
        let given = given.then_fields(&["SEQUENTIAL_TEST_CONCLUDED void 10 20 40"], FOUND).applied().decide(decide);
        let kinds: Vec<&str> = ["JOB_CANCELLED"; 8].into_iter().chain(["GAUNTLET_CONCLUDED"]).collect();
        given.then_kinds(&kinds).settled(decide);
    }

    const ALARM: &[&str] = &["share", "parity", "games", "scores.0.games"];

    #[test]
    fn a_candidate_that_chance_beats_is_an_alarm_and_not_promoted_whatever_else_it_won() {
        let (given, jobs) = queued();
        let given = given.and_all(played(&jobs[..2], 20)).decide(decide).applied().decide(decide).applied();
        let given = given.and_all(played(&jobs[6..8], 20)).and_all(played(&jobs[8..], 0));
        let older = given.clone().decide(decide).then_kinds(&["GAUNTLET_CONCLUDED"]).settled(decide);
        let given = given.and(ClusterVersionRaised { from: 1, to: 3 }).decide(decide);
        let found = "EVALUATOR_FAULTY 0.0 0.5 40 no scores.0.games";
        given.then_fields(&[found, "GAUNTLET_CONCLUDED no share no parity no games 40"], ALARM);
        for given in [older, given.settled(decide)] {
            let reason = "the model wins 0.000 of 40 games against chance, surely less than the 0.500 of a random player: \
                the evaluator does not play it, or it is broken";
            let rejected = format!(r#"PROMOTION_REJECTED ["{reason}"]"#);
            given.decide(promotion::decide).then_fields(&[&rejected], &["reasons"]);
        }
    }

    /// The champion of a campaign of one generation, whose candidate was rejected, has met chance: so many of every twenty games are won.
    fn examined(wins: u32) -> Decided {
        let Event::ConfigChanged(mut changed) = config(40) else { unreachable!() };
        (changed.config.generations, changed.config.gauntlet.exam_random_pairs) = (1, 40);
        let given = candidate_one(changed.into()).and(sample(Kind::PromotionRejected));
        let started = given.and(ClusterVersionRaised { from: 1, to: 3 }).decide(decide);
        started.then_fields(&["GAUNTLET_STARTED exam"], &["purpose"]);
        let queued = started.applied().decide(decide);
        let jobs = queued.decisions().to_vec();
        queued.settled(decide).and_all(played(&jobs, wins)).decide(decide)
    }

    #[test]
    fn a_champion_that_chance_beats_in_its_exam_is_an_alarm_and_has_no_scores() {
        let found = "EVALUATOR_FAULTY 0.1 0.5 80 no scores.0.games";
        let alarmed = examined(2).then_fields(&[found, "GAUNTLET_CONCLUDED no share no parity no games 80"], ALARM);
        let completed = alarmed.settled(decide).decide(campaign::decide);
        completed.then_fields(&["CAMPAIGN_COMPLETED []"], &["exam"]);
        let passed = examined(16).then_kinds(&["GAUNTLET_CONCLUDED"]).settled(decide).decide(campaign::decide);
        passed.then_fields(&["CAMPAIGN_COMPLETED 80 0.8"], &["exam.0.games", "exam.0.rate"]);
    }

    #[test]
    fn a_gauntlet_of_an_older_release_has_no_test_and_plays_to_its_end() {
        let started = candidate_one(config(40)).decide(decide);
        let plan = started.decisions()[0].event.clone();
        let given = candidate_one(config(40)).and(plan).decide(decide);
        let jobs = given.decisions().to_vec();
        let Event::JobQueued(first) = &jobs[0].event else { panic!("a job") };
        let cancelled = JobCancelled { job: first.job.clone(), reason: "no host".into() };
        let given = given.applied().and(Event::from(cancelled)).and_all(played(&jobs[1..], 20)).decide(decide);
        let fields = &["scores.0.games", "scores.1.games", "scores.2.games"];
        given.then_fields(&["GAUNTLET_CONCLUDED 40 40 100"], fields).settled(decide);
    }
}
