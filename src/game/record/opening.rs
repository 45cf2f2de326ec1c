//! Openings of self-play: plies that were drawn at random, so that games visit what good players would not.
//!
//! They carry no findings, because nobody is to learn to play at random, and they are no choices of the player's: what is said of a
//! batch's coverage begins behind them.

use super::game_record::GameRecord;

/// The longest opening of self-play in which the player samples its first `sampled_plies` plies. As many again, because a player that samples
/// still plays few of the positions that there are.
pub fn opening_plies_max(sampled_plies: u32) -> u32 {
    sampled_plies.saturating_mul(2)
}

/// Plies before the first that was searched, `plies_max` of them at most. A game in which nothing was searched has no opening.
pub(super) fn opening_of(record: &GameRecord, plies_max: u32) -> usize {
    let searched = record.plies.iter().position(|ply| ply.findings.is_some());
    searched.unwrap_or(0).min(plies_max as usize)
}
