//! The sequential test of a gauntlet: how it is planned, how it stands, and which games were void.

use super::seats::seats;
use super::view::View;
use crate::event::config::Config;
use crate::event::evaluation::{GauntletStarted, MatchTally};
use crate::event::jobs::Contender;
use crate::event::judgement::{SequentialRule, SequentialTestConcluded, SequentialTestPlanned, TestVerdict};
use crate::event::{ModelId, Real, Seq};
use crate::judge::groups::bins;
use crate::judge::{GroupScores, Standing, units_per_game};
use crate::projection::gauntlets::{Chunk, Gauntlet};

/// Share of void games from which on an evaluation is void: 2%. Who fails when the candidate wins must not decide.
pub const VOIDS_MAX: Real = Real(20_000);

/// `SEQUENTIAL_TEST_PLANNED` for the matches against the champion, when there are any.
pub(super) fn plan(config: &Config, started: &GauntletStarted, champion: &ModelId) -> Option<SequentialTestPlanned> {
    let is_champion = |one: &Contender| matches!(one, Contender::Model(model) if model.model == *champion);
    let index = started.matches.iter().position(|plan| is_champion(&plan.opponent))?;
    let seats = seats(&started.game);
    let groups_min = config.gate.games_min.div_ceil(seats);
    Some(SequentialTestPlanned {
        gauntlet: started.gauntlet.clone(),
        opponent: u32::try_from(index).ok()?,
        seats,
        rule: SequentialRule::planned(&config.judgement, config.gate.champion_low_min, groups_min, seats),
        voids_max: VOIDS_MAX,
    })
}

/// What the groups of the tested opponent say, in the order of their numbers.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// The test after the last group that counts.
    pub(super) standing: Standing,
    /// What these groups came to.
    pub(super) tally: MatchTally,
    /// The number after the last group that was looked at; what lies behind it does not count.
    pub(super) end: u32,
    /// The record that brought the last of them.
    pub(super) last_seq: Option<Seq>,
}

/// Void games and all games of a gauntlet, void ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Voids {
    pub(super) voids: u64,
    pub(super) games: u64,
    /// All games that were planned.
    pub(super) planned: u64,
}

impl Voids {
    /// Whether so many games were void that the evaluation is. While games are missing, only those count that were planned.
    pub(super) fn are_too_many(&self, share_max: Real, ended: bool) -> bool {
        let of = if ended { self.games } else { self.planned };
        self.voids > 0 && Real::ratio(self.voids, of) >= share_max
    }
}

/// Follows the tested opponent's groups, one by one, up to the first at which the test is decided, or to one that is still missing.
pub(super) fn progress(view: &View, gauntlet: &Gauntlet, test: &SequentialTestPlanned) -> Progress {
    let mut scores = GroupScores::new(test.seats);
    let mut progress =
        Progress { standing: test.rule.standing(&scores), tally: MatchTally::default(), end: 0, last_seq: None };
    progress.standing.verdict = None;
    let mut chunks: Vec<&Chunk> = gauntlet.chunks.iter().filter(|chunk| chunk.opponent == test.opponent).collect();
    chunks.sort_by_key(|chunk| chunk.first_pair);
    for chunk in chunks {
        match &chunk.tally {
            _ if chunk.first_pair != progress.end => return progress,
            None if view.state.jobs.is_live(&chunk.job) => return progress,
            None => {} // Void: its groups are missing for good.
            Some(tally) => {
                progress.last_seq = chunk.played_seq;
                if let Some((groups, part)) = decided_within(test, &mut scores, chunk) {
                    progress.tally.add(&part);
                    progress.standing = test.rule.standing(&scores);
                    progress.end = chunk.first_pair.saturating_add(groups);
                    return progress;
                }
                progress.tally.add(tally);
                progress.standing = test.rule.standing(&scores);
            }
        }
        progress.end = chunk.first_pair.saturating_add(chunk.pairs);
        if progress.standing.verdict.is_some() {
            return progress;
        }
    }
    let planned = gauntlet.opponents.get(test.opponent as usize).map_or(0, |opponent| opponent.plan.pairs);
    if progress.end >= planned {
        progress.standing.verdict = Some(TestVerdict::Undecided);
    }
    progress
}

/// Adds the groups of a chunk to the scores one by one, up to the first at which the test is decided: then it returns their number and
/// what they came to. Where nobody attests the single games all of them are added at once.
fn decided_within(test: &SequentialTestPlanned, scores: &mut GroupScores, chunk: &Chunk) -> Option<(u32, MatchTally)> {
    let seats = test.seats.max(1) as usize;
    if chunk.games.len() != chunk.pairs as usize * seats {
        scores.add(chunk.tally.as_ref()?);
        return None;
    }
    for (number, group) in (1..).zip(chunk.games.chunks(seats)) {
        scores.push(group.iter().map(|units| usize::from(*units)).sum());
        if number < chunk.pairs && test.rule.standing(scores).verdict.is_some() {
            return Some((number, tally_of(test.seats, &chunk.games[..number as usize * seats])));
        }
    }
    None
}

/// What single games came to. A game that others share counts as lost here, as the candidate has no part in it.
fn tally_of(seats: u32, games: &[u8]) -> MatchTally {
    let won = units_per_game(seats);
    let mut tally = MatchTally { pairs: vec![0; bins(seats)], ..MatchTally::default() };
    for units in games {
        match u32::from(*units) {
            0 => tally.losses += 1,
            units if units >= won => tally.wins += 1,
            _ => tally.draws += 1,
        }
    }
    for group in games.chunks(seats.max(1) as usize) {
        let units: usize = group.iter().map(|units| usize::from(*units)).sum();
        let last = tally.pairs.len() - 1;
        tally.pairs[units.min(last)] += 1;
    }
    tally
}

/// The games so far. A void game is one whose job is over without a result. Games of the tested opponent behind the end of the
/// test do not count: they are not wanted any more.
pub(super) fn voids(view: &View, gauntlet: &Gauntlet, test: &SequentialTestPlanned, progress: &Progress) -> Voids {
    let seats = u64::from(test.seats);
    let decided = progress.standing.verdict.is_some();
    let counts = |chunk: &&Chunk| !decided || chunk.opponent != test.opponent || chunk.first_pair < progress.end;
    let mut voids = Voids::default();
    for chunk in gauntlet.chunks.iter().filter(counts) {
        let games = u64::from(chunk.pairs) * seats;
        if chunk.played_seq.is_some() {
            voids.games += games;
        } else if !view.state.jobs.is_live(&chunk.job) {
            voids.games += games;
            voids.voids += games;
        }
    }
    voids.planned = gauntlet.opponents.iter().map(|opponent| u64::from(opponent.plan.pairs) * seats).sum();
    voids
}

/// `SEQUENTIAL_TEST_CONCLUDED`, once there is something to conclude.
pub(super) fn conclude(
    view: &View,
    gauntlet: &Gauntlet,
    test: &SequentialTestPlanned,
) -> Option<SequentialTestConcluded> {
    let progress = progress(view, gauntlet, test);
    let voids = voids(view, gauntlet, test, &progress);
    let verdict = match progress.standing.verdict {
        Some(_) if voids.are_too_many(test.voids_max, true) => TestVerdict::Void,
        Some(verdict) => verdict,
        None if voids.are_too_many(test.voids_max, false) => TestVerdict::Void,
        None => return None,
    };
    let bounds = test.rule.bounds();
    let real = |value: f64| Real::from_f64(value).unwrap_or(Real::ZERO);
    Some(SequentialTestConcluded {
        gauntlet: gauntlet.gauntlet.clone(),
        opponent: test.opponent,
        verdict,
        groups: u32::try_from(progress.standing.groups).unwrap_or(u32::MAX),
        llr: real(progress.standing.llr),
        lower: real(bounds.lower),
        upper: real(bounds.upper),
        voids: u32::try_from(voids.voids).unwrap_or(u32::MAX),
        games: u32::try_from(voids.games).unwrap_or(u32::MAX),
    })
}

/// Why the test promotes nobody, in words; `None` when it says that the candidate is better.
pub(super) fn objection(test: &SequentialTestPlanned, found: Option<&SequentialTestConcluded>) -> Option<String> {
    let Some(found) = found else { return Some("unknown against the champion: the test has not ended".to_owned()) };
    let (elo0, elo1) = (test.rule.elo0, test.rule.elo1);
    let ratio = format!("log-likelihood ratio {:.2} after {} groups", found.llr, found.groups);
    match found.verdict {
        TestVerdict::Better => None,
        TestVerdict::NotBetter => Some(format!(
            "against the champion {elo0:.0} Elo is accepted over {elo1:.0}: {ratio}, not above {:.2}",
            found.lower
        )),
        TestVerdict::Undecided => Some(format!(
            "unknown against the champion: neither {elo0:.0} nor {elo1:.0} Elo is accepted: {ratio}, between {:.2} and {:.2}",
            found.lower, found.upper
        )),
        TestVerdict::Void => Some(format!(
            "unknown: the evaluation is void, because {} of {} games are, and {} is allowed",
            found.voids, found.games, test.voids_max
        )),
    }
}
