//! Synthetic players of known strength, with fixed seeds.

mod ratings;
mod sequential;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use super::elo::strength;
use super::groups::{GroupScores, units_per_game};

/// A number from 0 to below 1.
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

/// The chance of each seat when the candidate sits on seat 0 and the opening favours `best_seat` by `favour` Elo.
fn chance(elo: f64, favour: f64, seats: u32, best_seat: u32) -> f64 {
    let bonus = |seat: u32| if seat == best_seat { favour } else { 0.0 };
    let others: f64 = (1..seats).map(|seat| strength(bonus(seat))).sum();
    let own = strength(elo + bonus(0));
    own / (own + others)
}

/// The candidate's mean score in a group.
fn mean_score(elo: f64, favour: f64, seats: u32) -> f64 {
    (0..seats).map(|best_seat| chance(elo, favour, seats, best_seat)).sum::<f64>() / f64::from(seats)
}

/// How much stronger a candidate must be to score as if it were `elo` stronger and openings favoured nobody. Openings that decide
/// games hide strength: Elo is what the score says, not what the score would be on a fairer board.
fn hidden(elo: f64, favour: f64, seats: u32) -> f64 {
    let wanted = super::elo::share(elo, seats);
    let (mut low, mut high) = (-3_000.0, 3_000.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if mean_score(middle, favour, seats) < wanted { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Plays a group: the candidate, `elo` above each opponent, holds every seat once, and so once the one that the opening favours.
/// Returns its units.
fn group(elo: f64, favour: f64, seats: u32, rng: &mut ChaCha8Rng) -> usize {
    let won = (0..seats).filter(|best_seat| uniform(rng) < chance(elo, favour, seats, *best_seat)).count();
    won * units_per_game(seats) as usize
}

/// Adds `groups` groups to the scores.
fn play(scores: &mut GroupScores, groups: u32, elo: f64, favour: f64, rng: &mut ChaCha8Rng) {
    (0..groups).for_each(|_| scores.push(group(elo, favour, scores.seats, rng)));
}
