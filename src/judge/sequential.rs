//! The sequential test of a candidate against an opponent.
//!
//! Wald's sequential probability ratio test ("Sequential tests of statistical hypotheses", 1945) stops as soon as the
//! log-likelihood ratio of H1 to H0 leaves the interval `(ln(β/(1−α)), ln((1−β)/α))`. Here the hypotheses fix only the mean score of a
//! group (that of `elo0` and of `elo1`); everything else is maximised under each of them: the generalised test (GSPRT) of Li, Liu and
//! Ying, "Generalized sequential probability ratio test for separate families of hypotheses" (2014), as chess engines use it.
//! Under a hypothesis `E[x] = s` the most likely chances of the scores `xᵢ`, seen `cᵢ` times, are those of the empirical likelihood (Owen
//! 1988), and the ratio follows from them:
//!
//! ```text
//! pᵢ = cᵢ / (N (1 + θ (xᵢ − s))),  with θ such that Σ pᵢ xᵢ = s
//! LLR = Σ cᵢ · ( ln(1 + θ₀ (xᵢ − s₀)) − ln(1 + θ₁ (xᵢ − s₁)) )
//! ```
//!
//! This is the ratio of Van den Bergh's "practical introduction to the GSPRT" for a multinomial distribution. (The simpler one that
//! takes scores to be normal loses power with three or four players, whose scores are skew.) One virtual group, spread as those of
//! equal players are, sees to it that every score has been seen: the first groups may all be won.
//!
//! Groups count in the order of their numbers, never in that of their arrival: short games are back first and are not like
//! the others. What lies behind the first group at which the test is decided does not count.

use super::elo::{elo, share};
use super::exact::{exp, ln};
use super::groups::{GroupScores, variance};
use crate::event::Real;
use crate::event::config::JudgementConfig;
use crate::event::judgement::{SequentialRule, TestVerdict};

/// Steps of the bisection for θ: as many as an `f64` has bits to gain.
const BISECTIONS: u32 = 52;

/// Where the ratio decides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// H0 is accepted at this ratio or below.
    pub lower: f64,
    /// H1 is accepted at this ratio or above.
    pub upper: f64,
}

/// How a test stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Groups counted.
    pub groups: u64,
    /// The log-likelihood ratio of H1 to H0.
    pub llr: f64,
    /// What the test says; `None` while it goes on.
    pub verdict: Option<TestVerdict>,
}

impl SequentialRule {
    /// H0 in Elo for a win rate between two players.
    pub fn elo0_of(rate_min: Real) -> f64 {
        elo(rate_min.to_f64(), 2).clamp(-ELO_STEP_FAR, ELO_STEP_FAR)
    }

    /// The test of a configuration. `rate_min` is a win rate between two players: H0 where the configuration names none.
    ///
    /// Half of β is for the lower bound and half for tests that reach the cap undecided, which promote nobody either: at H1 a
    /// candidate is promoted with a chance of 1 − β or more. Where the configuration names no H1 it is the smallest gain for which the cap is late
    /// enough for that. For pairs: 3,060 groups tell 20 Elo, 800 groups 39, 60 groups 152.
    pub fn planned(judgement: &JudgementConfig, rate_min: Real, groups_min: u32, seats: u32) -> SequentialRule {
        let (alpha, beta) = (judgement.alpha, Real((judgement.beta.0 / 2).max(1)));
        let elo0 = judgement.elo0.map_or_else(|| SequentialRule::elo0_of(rate_min), Real::to_f64);
        let finest = || finest(elo0, wald(alpha.to_f64(), beta.to_f64()), beta.to_f64(), judgement.groups_max, seats);
        let elo1 = judgement.elo1.map_or_else(finest, Real::to_f64);
        let real = |value: f64| Real::from_f64(value).expect("a number of at most a few thousand");
        let (elo0, elo1, groups_max) = (real(elo0), real(elo1), judgement.groups_max);
        SequentialRule { elo0, elo1, alpha, beta, groups_min, groups_max }
    }

    /// Where the ratio decides.
    pub fn bounds(&self) -> Bounds {
        wald(self.alpha.to_f64(), self.beta.to_f64())
    }

    /// The log-likelihood ratio of H1 to H0.
    pub fn llr(&self, scores: &GroupScores) -> f64 {
        let seen = seen(scores);
        log_slack(&seen, share(self.elo0.to_f64(), scores.seats))
            - log_slack(&seen, share(self.elo1.to_f64(), scores.seats))
    }

    /// What the test says about these groups, the first ones of the plan.
    pub fn standing(&self, scores: &GroupScores) -> Standing {
        let (groups, llr, bounds) = (scores.groups(), self.llr(scores), self.bounds());
        let open = groups < u64::from(self.groups_min);
        let verdict = match llr {
            _ if open => None,
            llr if llr >= bounds.upper => Some(TestVerdict::Better),
            llr if llr <= bounds.lower => Some(TestVerdict::NotBetter),
            _ => (groups >= u64::from(self.groups_max)).then_some(TestVerdict::Undecided),
        };
        Standing { groups, llr, verdict }
    }

    /// How many groups the test takes on average when the candidate is `elo` above its opponent, by Wald's approximation: the
    /// ratio drifts by a fixed amount a group to one of its bounds. `None` where it hardly drifts at all.
    pub fn expected_groups(&self, elo: f64, seats: u32) -> Option<f64> {
        let (s, s0, s1) = (share(elo, seats), share(self.elo0.to_f64(), seats), share(self.elo1.to_f64(), seats));
        let spread = variance(s, seats);
        let drift = ln((spread + (s - s0) * (s - s0)) / (spread + (s - s1) * (s - s1))) / 2.0;
        let bounds = self.bounds();
        // The chance of ending at the upper bound, for a walk with this drift and the variance that goes with it.
        let tilt = 1.0 - 2.0 * (s - s0) / (s1 - s0);
        if tilt.abs() < 1e-3 {
            return None;
        }
        let (up, down) = (exp(tilt * bounds.upper), exp(tilt * bounds.lower));
        let accept = (1.0 - down) / (up - down);
        Some((accept * bounds.upper + (1.0 - accept) * bounds.lower) / drift)
    }
}

/// Beyond this a rate names no strength that a match could show.
const ELO_STEP_FAR: f64 = 1_000.0;

/// How much earlier than a Brownian motion a test has to end: the variance of a group is learned only on the way. Simulated for 2, 3 and 4 players.
const MARGIN: f64 = 1.2;

/// The smallest H1, in Elo, under which a test with these bounds has ended at `groups_max` but for a chance of `open`.
///
/// The ratio is close to a Brownian motion: with `d` = step² / variance of a group it drifts by d/2 and spreads by d a group. The chance that
/// it is still between bounds `L` apart after `t` groups falls as `C · exp(−λ d t)`, with `λ = 1/8 + π² / 2L²` and at most
/// `C = 2π (1 + exp(L/2)) exp(lower/2) / L² (1/4 + π²/L²)`, the first term of its series.
/// [`MARGIN`] is for what that leaves out.
fn finest(elo0: f64, bounds: Bounds, open: f64, groups_max: u32, seats: u32) -> f64 {
    let width = bounds.upper - bounds.lower;
    let wave = std::f64::consts::PI / width;
    let rate = 0.125 + wave * wave / 2.0;
    let first = 2.0 * wave * (1.0 + exp(width / 2.0)) * exp(bounds.lower / 2.0) / (width * (0.25 + wave * wave));
    let parity = variance(1.0 / f64::from(seats.max(2)), seats);
    let step = (parity * MARGIN * ln(first / open) / (rate * f64::from(groups_max.max(1)))).sqrt();
    let s0 = share(elo0, seats);
    elo((s0 + step).min(1.0 - (1.0 - s0) / 4.0), seats)
}

fn wald(alpha: f64, beta: f64) -> Bounds {
    Bounds { lower: ln(beta / (1.0 - alpha)), upper: ln((1.0 - beta) / alpha) }
}

/// The scores that were seen, each with how often, with one virtual group of equal players spread over them.
fn seen(scores: &GroupScores) -> Vec<(f64, f64)> {
    let (seats, units) = (scores.seats, scores.units() as usize);
    let mut counts: Vec<f64> = scores.counts.iter().map(|count| *count as f64).collect();
    let (won, lost) = (1.0 / f64::from(seats), 1.0 - 1.0 / f64::from(seats));
    // The binomial chances of 0 to all games won.
    let mut chance = (0..seats).fold(1.0, |product, _| product * lost);
    for wins in 0..=seats {
        counts[units * wins as usize / seats as usize] += chance;
        chance *= f64::from(seats - wins) / f64::from(wins + 1) * won / lost;
    }
    let score = |(at, count): (usize, f64)| (at as f64 / units as f64, count);
    counts.into_iter().enumerate().filter(|(_, count)| *count > 0.0).map(score).collect()
}

/// `Σ c · ln(1 + θ (x − s))`: how much less likely the scores are when their mean has to be `s`. From 0 to 1 exclusive.
fn log_slack(seen: &[(f64, f64)], s: f64) -> f64 {
    // The sum falls with θ from +∞ to −∞ between these poles.
    let (mut low, mut high) = (-1.0 / (1.0 - s), 1.0 / s);
    for _ in 0..BISECTIONS {
        let theta = (low + high) / 2.0;
        let pull: f64 = seen.iter().map(|(score, count)| count * (score - s) / (1.0 + theta * (score - s))).sum();
        if pull > 0.0 { low = theta } else { high = theta }
    }
    let theta = (low + high) / 2.0;
    seen.iter().map(|(score, count)| count * ln(1.0 + theta * (score - s))).sum()
}
