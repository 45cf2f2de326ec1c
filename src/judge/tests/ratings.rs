//! Ratings of players whose strength is known.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::uniform;
use crate::event::Real;
use crate::judge::elo::strength;
use crate::judge::ratings::{Ledger, Rating, RatingError, WIN};

const NAMES: [&str; 6] = ["random", "a", "b", "c", "d", "e"];
const ELO: [f64; 6] = [0.0, 150.0, 300.0, 420.0, 500.0, 900.0];

fn winner(players: &[usize], rng: &mut ChaCha8Rng) -> usize {
    let all: f64 = players.iter().map(|player| strength(ELO[*player])).sum();
    let mut left = uniform(rng) * all;
    *players
        .iter()
        .find(|player| {
            left -= strength(ELO[**player]);
            left < 0.0
        })
        .unwrap_or(&players[0])
}

/// Games at random tables of `seats` players.
fn games(count: u32, seats: usize, seed: u64) -> Vec<(Vec<usize>, usize)> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let game = |_| {
        let mut players: Vec<usize> = (0..NAMES.len()).collect();
        while players.len() > seats {
            players.swap_remove(rng.next_u32() as usize % players.len());
        }
        let winner = winner(&players, &mut rng);
        (players, winner)
    };
    (0..count).map(game).collect()
}

fn ledger(games: &[(Vec<usize>, usize)]) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.pin("random", Real::ZERO);
    for (players, winner) in games {
        let seats: Vec<(&str, u32)> = players.iter().map(|player| (NAMES[*player], 1)).collect();
        ledger.add(&seats, &[(NAMES[*winner], WIN)]);
    }
    ledger
}

fn check(ratings: &[Rating]) -> u32 {
    let mut inside = 0;
    for rating in ratings.iter().filter(|rating| !rating.anchor) {
        let truth = ELO[NAMES.iter().position(|name| *name == rating.player).expect("a player")];
        assert!((rating.elo.to_f64() - truth).abs() < 90.0, "{rating:?} is {truth}");
        inside += u32::from(rating.low.to_f64() <= truth && truth <= rating.high.to_f64());
    }
    inside
}

#[test]
fn known_strengths_are_found_for_two_and_for_more_players() {
    for seats in 2..=4 {
        let mut inside = 0;
        for seed in 0..10 {
            let ratings = ledger(&games(3_000, seats, seed)).ratings().expect("an anchor");
            assert_eq!(ratings.len(), 6);
            assert!(ratings.windows(2).all(|pair| pair[0].elo >= pair[1].elo), "strongest first");
            inside += check(&ratings);
        }
        println!("{seats} seats: {inside} of 50 intervals hold the truth");
        assert!(inside >= 40, "{seats} seats: {inside} of 50 intervals hold the truth");
    }
}

#[test]
fn whole_rankings_are_chains_of_choices() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut ledger = Ledger::default();
    ledger.pin("random", Real::ZERO);
    for _ in 0..1_500 {
        let mut left: Vec<usize> = (0..4).map(|at| at + rng.next_u32() as usize % 3).collect();
        left.sort_unstable();
        left.dedup();
        let mut ranking = vec![];
        while !left.is_empty() {
            let first = winner(&left, &mut rng);
            left.retain(|player| *player != first);
            ranking.push(NAMES[first]);
        }
        ledger.add_ranking(&ranking);
    }
    check(&ledger.ratings().expect("an anchor"));
}

#[test]
fn the_order_of_results_makes_no_difference() {
    let mut results = games(500, 3, 9);
    let forward = ledger(&results).ratings();
    results.reverse();
    assert_eq!(forward, ledger(&results).ratings(), "to the last digit");
}

#[test]
fn two_players_have_the_closed_form() {
    let mut ledger = Ledger::default();
    ledger.pin("random", Real(100 * Real::SCALE));
    ledger.add(&[("random", 1), ("net", 1)], &[("net", 900 * WIN), ("random", 300 * WIN)]);
    let ratings = ledger.ratings().expect("an anchor");
    let net = &ratings[0];
    // 900.1 wins and 300.1 losses with the virtual games.
    let expected = 100.0 + 400.0 * (900.1_f64 / 300.1).log10();
    assert!((net.elo.to_f64() - expected).abs() < 1e-3, "{net:?}");
    let error = 400.0 / std::f64::consts::LN_10 / (1200.2 * (900.1 / 1200.2) * (300.1 / 1200.2_f64)).sqrt();
    assert!((net.high.to_f64() - expected - 1.96 * error).abs() < 0.01, "{net:?}");
    assert_eq!((net.games, net.anchor, ratings[1].elo), (1_200, false, Real(100 * Real::SCALE)));
}

#[test]
fn several_copies_of_a_player_share_its_strength() {
    // One candidate against three copies: a quarter of the wins is parity.
    let mut ledger = Ledger::default();
    ledger.pin("champion", Real(1_000 * Real::SCALE));
    ledger.add(&[("candidate", 1), ("champion", 3)], &[("candidate", 250 * WIN), ("champion", 750 * WIN)]);
    let ratings = ledger.ratings().expect("an anchor");
    let candidate = ratings.iter().find(|rating| rating.player == "candidate").expect("rated");
    assert!((candidate.elo.to_f64() - 1_000.0).abs() < 2.0, "{candidate:?}");
}

#[test]
fn who_never_lost_has_a_finite_rating_and_a_wide_interval() {
    let mut ledger = Ledger::default();
    ledger.pin("random", Real::ZERO);
    ledger.add(&[("random", 1), ("net", 1)], &[("net", 20 * WIN)]);
    let ratings = ledger.ratings().expect("an anchor");
    let net = &ratings[0];
    assert!(net.elo.to_f64() > 400.0 && net.elo.to_f64() < 1_000.0, "{net:?}");
    assert!(net.high.to_f64() - net.low.to_f64() > 500.0, "{net:?}");
}

#[test]
fn without_an_anchor_there_is_no_scale() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.ratings(), Err(RatingError::NoAnchor));
    ledger.add(&[("a", 1), ("b", 1)], &[("a", WIN)]);
    ledger.pin("c", Real::ZERO);
    assert_eq!(ledger.ratings(), Err(RatingError::NoAnchor));
    ledger.add(&[("a", 1), ("a", 1)], &[("a", WIN)]);
    ledger.pin("a", Real::ZERO);
    assert_eq!(ledger.ratings().expect("an anchor").len(), 2);
}
