//! What a result means for its job: the facts that it brings, or why it is void.

use super::text::clip;
use crate::event::artifacts::{ArtifactKind, ArtifactStored};
use crate::event::command::{
    BlobRef, CurveResult, ExternalResult, JobResult, LearnedResult, ManifestResult, MeasuredResult, ModelResult,
    QuarantineResult, SelfPlayResult,
};
use crate::event::evaluation::{MatchTally, MatchesPlayed};
use crate::event::games::{GamesMeasured, GamesQuarantined, GamesRecorded, GamesTally, GamesVerified};
use crate::event::jobs::{
    ExternalResultRecorded, GauntletSpec, InitModelSpec, JobSpec, SelfPlaySpec, TrainSpec, VerifySpec,
};
use crate::event::judgement::{GameAttestation, MatchesAttested};
use crate::event::models::ModelInitialized;
use crate::event::training::{
    TrainingCompleted, TrainingCurve, TrainingCurveRecorded, TrainingManifest, TrainingManifestRecorded,
};
use crate::event::{Event, JobId, NodeId};
use crate::game::record::SKETCH_MAX;
use crate::judge::groups::adds_up;
use crate::policy::attestation;
use crate::policy::limits::{CURVE_BYTES_MAX, EXTERNAL_BLOBS_MAX, EXTERNAL_BYTES_MAX, MANIFEST_BYTES_MAX, SEATS_MAX};
use crate::policy::names;
use crate::policy::provenance;
use crate::policy::seats::seats;
use crate::policy::upgrade::is_readable;
use crate::projection::State;
use crate::projection::games::{Batch, BatchState};
use crate::projection::jobs::Job;

/// Why a result is void.
pub(super) struct Fault {
    /// In words.
    pub(super) error: String,
    /// Whether another attempt can help.
    pub(super) retry: bool,
}

type Outcome = Result<Vec<Event>, Fault>;

/// The facts that `result` of `job` brings.
pub(super) fn outcome(state: &State, job: &Job, host: NodeId, result: &JobResult) -> Outcome {
    match (&job.spec, result) {
        (JobSpec::SelfPlay(spec), JobResult::SelfPlay(result)) => self_play(state, &job.job, spec, host, result),
        (JobSpec::Verify(spec), JobResult::Verified(tally)) => verified(state, spec, host, tally),
        (JobSpec::Verify(spec), JobResult::Measured(result)) => {
            let mut events = verified(state, spec, host, &result.tally)?;
            if let [Event::GamesVerified(_)] = events[..] {
                events.splice(..0, measured(state, spec, host, result)?);
            }
            Ok(events)
        }
        (JobSpec::Verify(spec), JobResult::Quarantined(result)) => quarantined(state, spec, host, result),
        (JobSpec::InitModel(spec), JobResult::Model(result)) => init_model(state, spec, host, result),
        (JobSpec::Train(spec), JobResult::Learned(result)) => learned(state, spec, host, result),
        (JobSpec::Train(spec), JobResult::Model(_) | JobResult::Trained(_)) => {
            as_planned(state, spec, None).map(|()| vec![])
        }
        (JobSpec::Gauntlet(spec), JobResult::Gauntlet(tally)) => played(state, &job.job, spec, host, tally, None),
        (JobSpec::Gauntlet(spec), JobResult::Attested(result)) => {
            played(state, &job.job, spec, host, &result.tally, Some(&result.games))
        }
        (JobSpec::External(_), JobResult::External(result)) => external(&job.job, host, result),
        (spec, _) => Err(useless(&format!("a {} job cannot bring a result of this kind", spec.kind().name()))),
    }
}

fn self_play(state: &State, job: &JobId, spec: &SelfPlaySpec, host: NodeId, result: &SelfPlayResult) -> Outcome {
    check(result.blob.kind == ArtifactKind::Games, "the blob is not one of games")?;
    check(result.games > 0 && result.games <= spec.games, "the number of games is not what was asked for")?;
    if state.games.get(&result.blob.hash).is_some() {
        return Err(useless("the same games were recorded before"));
    }
    let event = GamesRecorded {
        batch: result.blob.hash,
        job: job.clone(),
        host,
        game: spec.game.clone(),
        generation: spec.generation,
        model: spec.model.clone(),
        games: result.games,
        positions: result.positions,
        simulations: result.simulations,
    };
    Ok(vec![event.into(), stored(&result.blob, host)])
}

/// The verdict of a replay. A blob that does not hold the games that its host said it does is not used, even where each of them holds.
fn verified(state: &State, spec: &VerifySpec, host: NodeId, tally: &GamesTally) -> Outcome {
    let recorded = undecided(state, spec)?.games;
    let decided: u64 = tally.wins.iter().map(|wins| u64::from(*wins)).sum();
    let adds_up = decided + u64::from(tally.draws) == u64::from(tally.games)
        && tally.wins.len() <= SEATS_MAX
        && tally.distinct <= tally.games
        && tally.targets <= tally.positions;
    check(adds_up, "the verifier's tally does not add up")?;
    if tally.games != recorded {
        let reason = format!("it holds {} games, its host said {recorded}", tally.games);
        return Ok(vec![GamesQuarantined { batch: spec.batch, host, game: None, reason }.into()]);
    }
    Ok(vec![GamesVerified { batch: spec.batch, host, tally: tally.clone() }.into()])
}

/// What was measured, where the cluster can read it.
fn measured(state: &State, spec: &VerifySpec, host: NodeId, result: &MeasuredResult) -> Result<Option<Event>, Fault> {
    let MeasuredResult { tally, measures } = result;
    let seats = tally.wins.len();
    let sums_to = |parts: &[u64], whole: u64| {
        parts.len() == seats && parts.iter().try_fold(0u64, |sum, part| sum.checked_add(*part)) == Some(whole)
    };
    let adds_up = measures.choices <= tally.positions
        && measures.choices_targeted <= measures.choices.min(tally.targets)
        && sums_to(&measures.targets_of_seats, tally.targets)
        && sums_to(&measures.simulations_of_seats, tally.simulations)
        && measures.sketch.len() <= SKETCH_MAX
        && measures.sketch.is_sorted_by(|a, b| a < b);
    check(adds_up, "the verifier's measures do not add up")?;
    let event = GamesMeasured { batch: spec.batch, host, measures: measures.clone() }.into();
    Ok(Some(event).filter(|event| is_readable(state, event)))
}

fn quarantined(state: &State, spec: &VerifySpec, host: NodeId, result: &QuarantineResult) -> Outcome {
    undecided(state, spec)?;
    let reason = clip(&result.reason);
    Ok(vec![GamesQuarantined { batch: spec.batch, host, game: result.game, reason }.into()])
}

fn undecided<'a>(state: &'a State, spec: &VerifySpec) -> Result<&'a Batch, Fault> {
    match state.games.get(&spec.batch) {
        Some(batch) if batch.state == BatchState::Recorded => Ok(batch),
        _ => Err(useless("the batch is unknown or decided already")),
    }
}

fn init_model(state: &State, spec: &InitModelSpec, host: NodeId, result: &ModelResult) -> Outcome {
    check(result.blob.kind == ArtifactKind::Model, "the blob is not one of weights")?;
    if state.models.of_generation(&spec.game, 0).next().is_some() {
        return Err(useless("generation 0 exists already"));
    }
    let event = ModelInitialized {
        model: names::model(&spec.game, 0, &result.blob.hash),
        game: spec.game.clone(),
        weights: result.blob.hash,
        net: spec.net.clone(),
        parameters: result.parameters,
    };
    Ok(vec![event.into(), stored(&result.blob, host)])
}

/// A run counts only when it began with the dataset and the weights of its plan.
fn learned(state: &State, spec: &TrainSpec, host: NodeId, result: &LearnedResult) -> Outcome {
    as_planned(state, spec, Some(result))?;
    let mut events = vec![];
    if let Some(curve) = &result.curve {
        events.extend(drawn(state, spec, host, &result.model, curve)?);
    }
    if let Some(manifest) = &result.manifest {
        events.extend(learned_from(state, spec, host, manifest)?);
    }
    events.extend(trained(state, spec, host, &result.model)?);
    Ok(events)
}

fn as_planned(state: &State, spec: &TrainSpec, said: Option<&LearnedResult>) -> Result<(), Fault> {
    let plan = state.training.get(&spec.run).and_then(|run| run.plan.as_ref());
    let (dataset, parent) = (said.map(|said| &said.dataset), said.map(|said| &said.parent));
    provenance::learned_as_planned(plan, dataset, parent).map_err(|error| again(&format!("void: {error}")))
}

fn trained(state: &State, spec: &TrainSpec, host: NodeId, result: &ModelResult) -> Outcome {
    check(result.blob.kind == ArtifactKind::Model, "the blob is not one of weights")?;
    check(result.samples > 0, "the run saw no samples")?;
    check(result.blob.hash != spec.parent_weights, "the weights are those that training started from")?;
    let Some(progress) = result.progress.clone() else { return Err(again("the run reported no figures")) };
    let model = names::model(&spec.game, spec.generation, &result.blob.hash);
    if state.models.get(&model).is_some() {
        return Err(useless("these weights are known already"));
    }
    let event = TrainingCompleted {
        run: spec.run.clone(),
        model,
        weights: result.blob.hash,
        parameters: result.parameters,
        samples: result.samples,
        progress,
    };
    Ok(vec![event.into(), stored(&result.blob, host)])
}

/// The picture of a run's losses, as soon as every member can read of it.
fn drawn(state: &State, spec: &TrainSpec, host: NodeId, model: &ModelResult, curve: &CurveResult) -> Outcome {
    let CurveResult { picture, best, last } = curve;
    check(picture.kind == ArtifactKind::External, "the picture of the losses is not an external blob")?;
    check(picture.bytes <= CURVE_BYTES_MAX, "the picture of the losses is too large")?;
    let steps = model.progress.as_ref().map_or(0, |progress| progress.steps);
    let within = [best, last].into_iter().flatten().all(|look| look.step <= steps);
    let fit = within && best.zip(*last).is_none_or(|(best, last)| best.step <= last.step);
    check(fit, "the looks at the held-out games are not those of one run")?;
    let curve = TrainingCurve { artifact: picture.hash, best: *best, last: *last };
    let event = TrainingCurveRecorded { run: spec.run.clone(), curve }.into();
    Ok(if is_readable(state, &event) { vec![event, stored(picture, host)] } else { vec![] })
}

/// What a run learned from, as soon as every member can read of it.
fn learned_from(state: &State, spec: &TrainSpec, host: NodeId, result: &ManifestResult) -> Outcome {
    let ManifestResult { blob, encoder, games, held_out } = result;
    check(blob.kind == ArtifactKind::External, "the manifest is not an external blob")?;
    check(blob.bytes <= MANIFEST_BYTES_MAX, "the manifest is too large")?;
    let sealed = state.datasets.get(&spec.dataset).map_or(0, |dataset| dataset.games);
    check(held_out < games && *games <= sealed, "the manifest's games are not those of the dataset")?;
    let manifest = TrainingManifest { artifact: blob.hash, encoder: *encoder, games: *games, held_out: *held_out };
    let event = TrainingManifestRecorded { run: spec.run.clone(), manifest }.into();
    Ok(if is_readable(state, &event) { vec![event, stored(blob, host)] } else { vec![] })
}

/// Matches count only when the right weights really played them, and all of them; and when each game says so, as soon as every
/// member can read that.
fn played(
    state: &State,
    job: &JobId,
    spec: &GauntletSpec,
    host: NodeId,
    tally: &MatchTally,
    games: Option<&[GameAttestation]>,
) -> Outcome {
    check(tally.candidate_weights == spec.candidate.weights, "void: other weights than the candidate's were loaded")?;
    check(tally.candidate_leaves > 0, "void: the candidate's net was never asked")?;
    check(
        adds_up(seats(&spec.game), spec.pairs, tally),
        "void: the games do not add up to the groups that were asked for",
    )?;
    if let Some(games) = games {
        attestation::check(spec, tally, games).map_err(|error| again(&format!("void: {error}")))?;
    }
    let gauntlet = state.gauntlets.get(&spec.gauntlet);
    let chunk = gauntlet.and_then(|gauntlet| gauntlet.chunks.iter().find(|chunk| chunk.job == *job));
    let Some(chunk) = chunk else { return Err(useless("the gauntlet is unknown or concluded")) };
    let event = MatchesPlayed {
        gauntlet: spec.gauntlet.clone(),
        job: job.clone(),
        host,
        opponent: chunk.opponent,
        first_pair: spec.first_pair,
        tally: tally.clone(),
    };
    let said = games.is_some();
    let games = games.unwrap_or_default().to_vec();
    let attested = MatchesAttested { gauntlet: spec.gauntlet.clone(), job: job.clone(), host, games }.into();
    if !is_readable(state, &attested) {
        return Ok(vec![event.into()]);
    }
    check(said, "void: the worker does not say who played each game: upgrade it")?;
    Ok(vec![event.into(), attested])
}

fn external(job: &JobId, host: NodeId, result: &ExternalResult) -> Outcome {
    if result.output.len() > EXTERNAL_BYTES_MAX || result.blobs.len() > EXTERNAL_BLOBS_MAX {
        return Err(useless("the result is too large: put what is large into files"));
    }
    let artifacts = result.blobs.iter().map(|blob| blob.hash).collect();
    let recorded = ExternalResultRecorded { job: job.clone(), output: result.output.clone(), artifacts };
    let stored = result.blobs.iter().map(|blob| stored(blob, host));
    Ok([recorded.into()].into_iter().chain(stored).collect())
}

fn stored(blob: &BlobRef, host: NodeId) -> Event {
    ArtifactStored { artifact: blob.hash, kind: blob.kind, bytes: blob.bytes, host }.into()
}

fn check(holds: bool, error: &str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(again(error)) }
}

fn again(error: &str) -> Fault {
    Fault { error: error.to_owned(), retry: true }
}

fn useless(error: &str) -> Fault {
    Fault { error: error.to_owned(), retry: false }
}
