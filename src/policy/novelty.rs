//! How much of a batch is new: the share of its positions that no earlier batch of the dataset's window visits.
//!
//! Each batch brings the smallest hashes of its positions (`GAMES_MEASURED`). Up to the smallest of the greatest hashes of full sketches every sketch is
//! complete, so there the share of hashes that no earlier batch has is that of the positions, give or take `1/√n` of `n` hashes (bottom-k sketches: Cohen and
//! Kaplan 2007).

use std::collections::BTreeSet;

use super::limits::NOVELTY_BATCHES_MAX;
use super::view::View;
use crate::event::Real;
use crate::event::games::GamesMeasures;
use crate::game::record::SKETCH_MAX;
use crate::projection::games::{Batch, BatchState};
use crate::projection::key::GenerationKey;

/// The share of positions that are new, against the batches of the window that were verified before; everything, where nothing can be compared.
pub(super) fn of(view: &View, batch: &Batch, measures: &GamesMeasures) -> Real {
    let sketches: Vec<&[u64]> = earlier(view, batch);
    let full = sketches.iter().copied().chain([measures.sketch.as_slice()]).filter(|sketch| sketch.len() >= SKETCH_MAX);
    let complete_to = full.filter_map(|sketch| sketch.last()).min().copied().unwrap_or(u64::MAX);
    let seen: BTreeSet<u64> = sketches.into_iter().flatten().copied().collect();
    let compared = || measures.sketch.iter().filter(|hash| **hash <= complete_to);
    let (all, new) = (compared().count(), compared().filter(|hash| !seen.contains(hash)).count());
    if all == 0 { Real::ONE } else { Real::ratio(new as u64, all as u64) }
}

/// Whether a batch was verified before another one: what follows from it does not depend on when scores are made.
pub(super) fn is_before(one: &Batch, other: &Batch) -> bool {
    one.state == BatchState::Verified && one.decided_seq < other.decided_seq
}

/// Sketches of the batches of the window that were verified before, of the newest generations first.
fn earlier<'a>(view: &View<'a>, batch: &Batch) -> Vec<&'a [u64]> {
    let state = view.state;
    let window = view.campaign().map_or(1, |(config, _)| config.dataset.window.max(1));
    let generations = (batch.generation.saturating_sub(window - 1)..=batch.generation).rev();
    let batches = generations.flat_map(|generation| {
        let key = GenerationKey::new(&batch.game, generation);
        state.games.of_generation(&key).collect::<Vec<_>>()
    });
    let earlier = batches.filter(|other| is_before(other, batch));
    earlier.filter_map(|other| Some(other.measures.as_ref()?.sketch.as_slice())).take(NOVELTY_BATCHES_MAX).collect()
}
