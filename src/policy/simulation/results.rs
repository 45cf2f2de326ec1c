//! Made-up results, good ones and bad ones.

use rand_chacha::rand_core::RngCore;

use super::cluster::{Cluster, config};
use super::hosts::chance;
use crate::event::artifacts::ArtifactKind;
use crate::event::command::{
    AttestedResult, BlobRef, CurveResult, ExternalResult, JobResult, LearnedResult, ManifestResult, MeasuredResult,
    ModelResult, QuarantineResult, SelfPlayResult,
};
use crate::event::evaluation::MatchTally;
use crate::event::games::{GamesMeasures, GamesTally};
use crate::event::jobs::{Contender, GauntletSpec, JobSpec};
use crate::event::training::{TrainingProgress, ValidationLosses};
use crate::event::{Hash, Real, Seq};
use crate::judge::groups::{bins, units_per_game};
use crate::policy::attestation::honest;
use crate::policy::seats::seats;

/// What a job brings; or whether another attempt can help.
pub(super) fn result(cluster: &mut Cluster, spec: &JobSpec, token: Seq) -> Result<JobResult, bool> {
    let bad = cluster.chaos.bad_results;
    if chance(cluster, bad) {
        return Err(chance(cluster, 500));
    }
    let blob = |kind| BlobRef { hash: Hash::of(&token.0.to_be_bytes()), bytes: 1_000, kind };
    Ok(match spec {
        JobSpec::SelfPlay(spec) => JobResult::SelfPlay(SelfPlayResult {
            blob: blob(ArtifactKind::Games),
            games: spec.games,
            positions: u64::from(spec.games) * 20,
            simulations: 1_000,
        }),
        JobSpec::Verify(_) if chance(cluster, bad) => {
            JobResult::Quarantined(QuarantineResult { game: Some(0), reason: "ply 3 is illegal".into() })
        }
        JobSpec::Verify(spec) => {
            let games = cluster.state.games.get(&spec.batch).map_or(1, |batch| batch.games);
            let repeats = if chance(cluster, bad) { games * 2 / 3 } else { 0 };
            let positions = u64::from(games) * 20;
            let (seats, distinct) = (seats(&spec.game), games - repeats);
            let of_first = |first: u64| [first].into_iter().chain((1..seats).map(|_| 0)).collect();
            let wins = (0..seats).map(|seat| (games + seat) / seats).collect();
            let tally = GamesTally {
                games,
                positions,
                wins,
                draws: 0,
                distinct,
                targets: positions,
                simulations: positions * u64::from(config(1).self_play.simulations),
            };
            let base = token.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1;
            let measures = GamesMeasures {
                choices: positions,
                choices_targeted: positions,
                targets_of_seats: of_first(positions),
                simulations_of_seats: of_first(tally.simulations),
                length_squares: positions * 20,
                sketch: (0..64).map(|step| base + step).collect(),
            };
            JobResult::Measured(MeasuredResult { tally, measures })
        }
        JobSpec::Train(_) if cluster.chaos.broken_trainer => return Err(false),
        JobSpec::InitModel(_) | JobSpec::Train(_) => made(
            cluster,
            spec,
            ModelResult {
                blob: blob(ArtifactKind::Model),
                parameters: 1_000,
                samples: 800,
                progress: Some(TrainingProgress {
                    step: 10,
                    steps: 10,
                    policy_loss: Real::ONE,
                    value_loss: Real::ONE,
                    samples_per_second: Real::ONE,
                }),
            },
        ),
        JobSpec::Gauntlet(spec) => JobResult::Attested(matches(cluster, spec)),
        JobSpec::External(_) => JobResult::External(ExternalResult { output: "{}".into(), blobs: vec![] }),
    })
}

/// Weights, and after training where they came from and a picture of the losses. Now and then a run had other games than planned.
fn made(cluster: &mut Cluster, spec: &JobSpec, model: ModelResult) -> JobResult {
    let JobSpec::Train(spec) = spec else { return JobResult::Model(model) };
    let content: Vec<u8> = spec.batches.iter().flat_map(|batch| batch.0).collect();
    let bad = cluster.chaos.bad_results;
    let dataset = if chance(cluster, bad) { Hash([9; 32]) } else { Hash::of(&content) };
    let hash = Hash::of(&model.blob.hash.0);
    let picture = BlobRef { hash, bytes: 1_000, kind: ArtifactKind::External };
    let blob = BlobRef { hash: Hash::of(&hash.0), bytes: 2_000, kind: ArtifactKind::External };
    let manifest = ManifestResult { blob, encoder: Hash::of(b"encoder"), games: 20, held_out: 1 };
    let look = |step| Some(ValidationLosses { step, policy_loss: Real::ONE, value_loss: Real::ONE });
    let curve = CurveResult { picture, best: look(5), last: look(10) };
    JobResult::Learned(LearnedResult {
        model,
        dataset,
        parent: spec.parent_weights,
        curve: Some(Box::new(curve)),
        manifest: Some(Box::new(manifest)),
    })
}

/// Two of three candidates are clearly better than the champion and one is clearly weaker, for any number of players; the weights decide which.
fn matches(cluster: &mut Cluster, spec: &GauntletSpec) -> AttestedResult {
    let is_strong = !spec.candidate.weights.0[0].is_multiple_of(3);
    let (seats, unit) = (seats(&spec.game), units_per_game(seats(&spec.game)));
    let wins_of_ten = match spec.opponent {
        Contender::Random => 10,
        Contender::AlphaBeta(_) => 5,
        Contender::Model(_) if is_strong => 9,
        Contender::Model(_) => 8 / seats,
    };
    let mut tally = MatchTally { pairs: vec![0; bins(seats)], candidate_leaves: 500, ..MatchTally::default() };
    tally.candidate_weights = spec.candidate.weights;
    let mut units = vec![];
    for _ in 0..spec.pairs {
        let won: Vec<u32> = (0..seats).map(|_| u32::from(cluster.rng.next_u32() % 10 < wins_of_ten)).collect();
        let wins: u32 = won.iter().sum();
        units.extend(won.iter().map(|won| unit * won));
        tally.pairs[(unit * wins) as usize] += 1;
        tally.wins += wins;
        tally.losses += seats - wins;
    }
    let bad = cluster.chaos.bad_results;
    if chance(cluster, bad) {
        tally.candidate_leaves = 0;
    }
    let mut games = honest(spec, &units);
    if chance(cluster, bad) {
        games[0].seats[0].weights = Some(Hash([9; 32]));
    }
    AttestedResult { tally, games }
}
