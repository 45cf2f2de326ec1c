//! The sequential test against players of known strength.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{group, hidden, play};
use crate::event::Real;
use crate::event::judgement::{SequentialRule, TestVerdict};
use crate::judge::groups::GroupScores;

/// The rule of the reference: 0 against `elo1` Elo, both errors 5%.
fn rule(elo1: i64, groups_max: u32) -> SequentialRule {
    let chance = Real(50_000);
    let elo1 = Real(elo1 * Real::SCALE);
    SequentialRule { elo0: Real::ZERO, elo1, alpha: chance, beta: chance, groups_min: 0, groups_max }
}

/// What came out of many tests.
#[derive(Debug, Default)]
struct Outcomes {
    better: u32,
    not_better: u32,
    undecided: u32,
    groups: u64,
}

impl Outcomes {
    fn trials(&self) -> u32 {
        self.better + self.not_better + self.undecided
    }

    fn mean_groups(&self) -> f64 {
        self.groups as f64 / f64::from(self.trials())
    }
}

/// Runs tests of a candidate of this strength, looking after every `chunk` groups.
fn trials(rule: SequentialRule, seats: u32, elo: f64, favour: f64, trials: u64, chunk: u32) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let elo = hidden(elo, favour, seats);
    for trial in 0..trials {
        let mut rng = ChaCha8Rng::seed_from_u64(trial);
        let mut scores = GroupScores::new(seats);
        let verdict = loop {
            play(&mut scores, chunk, elo, favour, &mut rng);
            if let Some(verdict) = rule.standing(&scores).verdict {
                break verdict;
            }
        };
        outcomes.groups += scores.groups();
        match verdict {
            TestVerdict::Better => outcomes.better += 1,
            TestVerdict::NotBetter => outcomes.not_better += 1,
            _ => outcomes.undecided += 1,
        }
    }
    outcomes
}

/// The most successes of `trials` that a chance of `chance` gives in all but 1 of 1000 cases.
fn most(trials: u32, chance: f64) -> u32 {
    let mean = f64::from(trials) * chance;
    (mean + 3.1 * (mean * (1.0 - chance)).sqrt()).floor() as u32
}

fn long() -> bool {
    std::env::var_os("KIFU_TEST_LONG").is_some()
}

#[test]
fn equal_players_are_not_promoted_and_stronger_ones_are() {
    let count: u32 = if long() { 4_000 } else { 200 };
    for seats in 2..=4 {
        for (favour, chunk) in [(0.0, 1), (150.0, 10)] {
            let rule = rule(40, 1_000_000);
            let equal = trials(rule, seats, 0.0, favour, u64::from(count), chunk);
            let stronger = trials(rule, seats, 40.0, favour, u64::from(count), chunk);
            println!(
                "{seats} seats, opening worth {favour} Elo, a look every {chunk}: promoted {:.3} of equal, {:.3} of +40 Elo; \
                {:.0} and {:.0} groups on average",
                f64::from(equal.better) / f64::from(count),
                f64::from(stronger.better) / f64::from(count),
                equal.mean_groups(),
                stronger.mean_groups(),
            );
            assert!(equal.better <= most(count, 0.05), "α at {seats} seats, favour {favour}: {equal:?}");
            assert!(stronger.not_better <= most(count, 0.05), "β at {seats} seats, favour {favour}: {stronger:?}");
            assert_eq!(equal.undecided + stronger.undecided, 0);
        }
    }
}

#[test]
fn the_worse_are_rejected_fast_and_the_much_better_accepted_fast() {
    let rule = rule(40, 1_000_000);
    let worse = trials(rule, 2, -150.0, 0.0, 100, 1);
    let better = trials(rule, 2, 200.0, 0.0, 100, 1);
    let close = trials(rule, 2, 20.0, 0.0, 50, 1);
    assert_eq!((worse.not_better, better.better), (100, 100));
    assert!(worse.mean_groups() < 60.0 && better.mean_groups() < 60.0, "{worse:?} {better:?}");
    assert!(close.mean_groups() > 3.0 * better.mean_groups(), "{close:?}");
    for (elo, found) in [(-150.0, &worse), (200.0, &better)] {
        let expected = rule.expected_groups(elo, 2).expect("a drift");
        let ratio = found.mean_groups() / expected;
        assert!((0.7..1.5).contains(&ratio), "{elo}: {} groups, Wald says {expected}", found.mean_groups());
    }
}

#[test]
fn a_rule_is_as_fine_as_its_groups_allow() {
    let half = Real(500_000);
    let elo1 = |groups, seats| SequentialRule::within(half, 0, groups, seats).elo1.to_f64();
    assert!((elo1(800, 2) - 20.0).abs() < 0.5, "{}", elo1(800, 2));
    assert!((elo1(60, 2) - 74.0).abs() < 1.0, "{}", elo1(60, 2));
    for seats in 2..=4 {
        let rule = SequentialRule::within(half, 0, 400, seats);
        assert_eq!(rule.elo0, Real::ZERO, "parity at {seats} seats");
        let expected = rule.expected_groups(rule.elo1.to_f64(), seats).expect("a drift");
        assert!((300.0..500.0).contains(&expected), "{seats} seats: {expected}");
    }
    let lax = SequentialRule::within(Real(100_000), 0, 20, 2);
    assert!(lax.elo0 < Real::ZERO && lax.elo1 > lax.elo0);
    let strict = SequentialRule::within(Real::ONE, 0, 20, 2);
    assert!(strict.elo1 > strict.elo0 && strict.elo0 > Real::ZERO);
    let never = SequentialRule::within(half, 0, 0, 2);
    assert!(never.elo1 > never.elo0);
}

#[test]
fn a_test_ends_at_its_bounds_and_not_before_its_least_groups() {
    let mut scores = GroupScores::new(2);
    let rule = SequentialRule { groups_min: 30, ..rule(40, 60) };
    for _ in 0..29 {
        scores.push(4);
        assert_eq!(rule.standing(&scores).verdict, None);
    }
    scores.push(4);
    assert_eq!(rule.standing(&scores).verdict, Some(TestVerdict::Better));
    scores.counts.reverse();
    assert_eq!(rule.standing(&scores).verdict, Some(TestVerdict::NotBetter));
    let even = GroupScores { seats: 2, counts: vec![0, 6, 42, 12, 0] };
    let standing = rule.standing(&even);
    assert_eq!((standing.groups, standing.verdict), (60, Some(TestVerdict::Undecided)), "{standing:?}");
    let nothing = rule.llr(&GroupScores::new(2));
    assert!((-0.05..=0.0).contains(&nothing), "the virtual group hardly counts: {nothing}");
}

#[test]
fn rotation_takes_the_openings_favour_out() {
    // An opening that decides the game for one seat says nothing about the players, and the test waits.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let units: Vec<usize> = (0..200).map(|_| group(0.0, 4_000.0, 2, &mut rng)).collect();
    assert!(units.iter().all(|units| *units == 2), "each side wins once");
    let mut scores = GroupScores::new(2);
    units.into_iter().for_each(|units| scores.push(units));
    assert_ne!(rule(40, 60).standing(&scores).verdict, Some(TestVerdict::Better));
}
