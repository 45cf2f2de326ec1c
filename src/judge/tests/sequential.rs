//! The sequential test against players of known strength.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{group, hidden, play};
use crate::event::Real;
use crate::event::config::{Config, JudgementConfig};
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

/// The rule that a cluster runs with this cap, and no least number of groups.
fn planned(rate_min: i64, groups_max: u32, seats: u32) -> SequentialRule {
    let judgement = JudgementConfig { groups_max, ..Config::default().judgement };
    SequentialRule::planned(&judgement, Real(rate_min), 0, seats)
}

#[test]
fn the_capped_rule_promotes_few_equals_and_most_of_those_that_it_is_planned_for() {
    let count: u32 = if long() { 4_000 } else { 200 };
    for seats in 2..=4 {
        for (groups_max, favour) in [(60, 0.0), (240, 0.0), (240, 150.0)] {
            let rule = planned(500_000, groups_max, seats);
            let elo1 = rule.elo1.to_f64();
            let equal = trials(rule, seats, 0.0, favour, u64::from(count), 1);
            let stronger = trials(rule, seats, elo1, favour, u64::from(count), 1);
            println!(
                "{seats} seats, {groups_max} groups at most, opening worth {favour} Elo: promoted {:.3} of equal, {:.3} of +{elo1:.0} \
                Elo; undecided {:.3} and {:.3}; {:.0} and {:.0} groups on average",
                f64::from(equal.better) / f64::from(count),
                f64::from(stronger.better) / f64::from(count),
                f64::from(equal.undecided) / f64::from(count),
                f64::from(stronger.undecided) / f64::from(count),
                equal.mean_groups(),
                stronger.mean_groups(),
            );
            assert!(equal.better <= most(count, 0.05), "α of {groups_max} groups at {seats} seats: {equal:?}");
            assert!(
                count - stronger.better <= most(count, 0.05),
                "β of {groups_max} groups at {seats} seats: {stronger:?}"
            );
        }
    }
}

#[test]
fn a_rule_is_as_fine_as_its_groups_allow() {
    let elo1 = |groups, seats| planned(500_000, groups, seats).elo1.to_f64();
    assert!((elo1(3_060, 2) - 20.0).abs() < 0.5, "{}", elo1(3_060, 2));
    assert!((elo1(800, 2) - 39.0).abs() < 1.0, "{}", elo1(800, 2));
    assert!((elo1(60, 2) - 152.0).abs() < 2.0, "{}", elo1(60, 2));
    for seats in 2..=4 {
        let rule = planned(500_000, 400, seats);
        assert_eq!(rule.elo0, Real::ZERO, "parity at {seats} seats");
        let expected = rule.expected_groups(rule.elo1.to_f64(), seats).expect("a drift");
        assert!((90.0..140.0).contains(&expected), "{seats} seats: {expected}, less than a third of the cap");
    }
    for (rate_min, groups) in [(100_000, 20), (Real::SCALE, 20), (500_000, 0)] {
        let rule = planned(rate_min, groups, 2);
        assert!(rule.elo1 > rule.elo0, "{rule:?}");
        assert_eq!(rule.elo0.cmp(&Real::ZERO), rate_min.cmp(&500_000), "{rule:?}");
    }
}

#[test]
fn a_configuration_may_name_both_hypotheses_and_both_errors() {
    let elo = |elo: i64| Some(Real(elo * Real::SCALE));
    let (alpha, beta) = (Real(20_000), Real(100_000));
    let judgement = JudgementConfig { elo0: elo(-2), elo1: elo(5), alpha, beta, groups_max: 4_000 };
    let rule = SequentialRule::planned(&judgement, Real::ONE, 7, 3);
    let beta = Real(50_000);
    let (elo0, elo1) = (Real(-2 * Real::SCALE), Real(5 * Real::SCALE));
    assert_eq!(rule, SequentialRule { elo0, elo1, alpha, beta, groups_min: 7, groups_max: 4_000 });
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
