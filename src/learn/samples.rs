//! What a net learns from: positions, the search's policies, and who won.

use crate::game::record::{GameRecord, RecordReader, replay_to_end};
use crate::game::{Game, Outcome, PlaneShape, Planes, SEATS_MAX, Seat};

use super::error::LearnError;
use crate::event::{Hash, Real};

/// How far from 1 a sum of shares may be: rounding of 32-bit floats.
const SUM_SLACK: f64 = 1e-3;
/// The most samples of a dataset: a run over more would take weeks, and their memory would not fit into most machines.
pub const SAMPLES_MAX: usize = 1 << 24;

/// Positions of many games with their targets, without augmentation. The same records give the same samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    shape: PlaneShape,
    actions: usize,
    seats: usize,
    /// Share of the search in the targets of values.
    search_share: f32,
    /// Whether there are targets of margins.
    margins: bool,
    planes: Vec<f32>,
    value: Vec<f32>,
    margin: Vec<f32>,
    /// Where each sample's legal actions begin; one more than there are samples.
    starts: Vec<usize>,
    ids: Vec<u32>,
    policy: Vec<f32>,
    games: Vec<SampledGame>,
}

/// The arrays of samples, to be looked at.
pub(super) struct Parts<'a> {
    pub planes: &'a [f32],
    pub value: &'a [f32],
    pub margin: &'a [f32],
    pub starts: &'a [usize],
    pub ids: &'a [u32],
    pub policy: &'a [f32],
}

/// The arrays of samples, to be taken over. Lengths must fit each other.
pub(super) struct Arrays {
    pub planes: Vec<f32>,
    pub value: Vec<f32>,
    pub margin: Vec<f32>,
    pub starts: Vec<usize>,
    pub ids: Vec<u32>,
    pub policy: Vec<f32>,
}

/// The samples of one game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampledGame {
    /// What was played, whoever played it: games with the same actions have the same line.
    pub line: Hash,
    /// The first sample; the next game's first one is the end.
    pub first: usize,
    /// How much its samples count in the loss, against those of other games.
    pub weight: Real,
}

/// One sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The encoded position.
    pub planes: &'a [f32],
    /// Places of the legal actions in the table.
    pub ids: &'a [u32],
    /// Target of each legal action; they sum to 1.
    pub policy: &'a [f32],
    /// Share of each seat, the mover's first: in the outcome, mixed with what the search expected.
    pub value: &'a [f32],
    /// How near each seat had come to a win at the end, the mover's first; empty where the samples have no margins.
    pub margin: &'a [f32],
}

impl Samples {
    /// No samples yet, of the game's shapes.
    pub fn new<G: Planes>(game: &G) -> Samples {
        Samples {
            shape: game.plane_shape(),
            actions: game.action_count(),
            seats: game.seats(),
            search_share: 0.0,
            margins: false,
            planes: Vec::new(),
            value: Vec::new(),
            margin: Vec::new(),
            starts: vec![0],
            ids: Vec::new(),
            policy: Vec::new(),
            games: Vec::new(),
        }
    }

    /// The same, whose values will be so much what the search expected of a position, and the rest who won. The result of one game is a true but noisy
    /// witness of each of its positions; the search's is the other way round.
    pub fn with_search_share(self, share: Real) -> Samples {
        Samples { search_share: share.to_f64() as f32, ..self }
    }

    /// The same, which will hold how near each seat had come to a win at the end, where that is wanted and the game can say it ([`Game::progress`]).
    pub fn with_margins<G: Game>(self, game: &G, wanted: bool) -> Samples {
        Samples { margins: wanted && game.progress(&game.start()).is_some(), ..self }
    }

    /// Adds every position with a search's policy of a file of records. Each game is replayed and checked on the way.
    ///
    /// # Errors
    /// [`LearnError::Samples`] when the file is for another game, damaged, or does not replay.
    pub fn add_file<G: Planes>(&mut self, game: &G, file: &[u8]) -> Result<(), LearnError> {
        let bad = |index: usize, reason: String| LearnError::Samples { game: index, reason };
        let reader = RecordReader::open(file).map_err(|fault| bad(0, fault.to_string()))?;
        let header = reader.header();
        if header.game != game.key() || header.rules_version != game.rules_version() {
            let reason = format!("it is of {} under rules version {}", header.game, header.rules_version);
            return Err(bad(0, reason));
        }
        for (index, record) in reader.enumerate() {
            let record = record.map_err(|fault| bad(index, fault.to_string()))?;
            self.add_game(game, &record).map_err(|reason| bad(index, reason))?;
            if self.len() > SAMPLES_MAX {
                return Err(bad(index, format!("the dataset has more than {SAMPLES_MAX} positions")));
            }
        }
        Ok(())
    }

    /// Adds the positions of one game; none at all when it does not replay.
    pub(super) fn add_game<G: Planes>(&mut self, game: &G, record: &GameRecord) -> Result<(), String> {
        let before = self.len();
        let mut movers = Vec::new();
        let ended = replay_to_end(game, record, |view| {
            let Some(findings) = &view.record.findings else { return };
            let planes_start = self.planes.len();
            self.planes.resize(planes_start + self.shape.len(), 0.0);
            game.encode(view.state, &mut self.planes[planes_start..]);
            self.ids.extend(view.legal.iter().map(|action| game.action_id(action).0));
            self.policy.extend(findings.policy());
            self.starts.push(self.ids.len());
            movers.push((view.mover, findings.value()));
        });
        match ended {
            Ok((outcome, last)) => {
                movers.iter().for_each(|(mover, found)| self.push_value(outcome, *mover, found));
                if let Some(near) = game.progress(&last).filter(|_| self.margins) {
                    movers.iter().for_each(|(mover, _)| self.push_margin(&near, *mover));
                }
                let line = line(game.key(), game.rules_version(), record);
                self.games.push(SampledGame { line, first: before, weight: Real::ONE });
            }
            Err(fault) => {
                self.truncate(before);
                return Err(fault.to_string());
            }
        }
        Ok(())
    }

    /// Says how much the samples of a game count.
    pub(super) fn weigh(&mut self, game: usize, weight: Real) {
        self.games[game].weight = weight;
    }

    /// Between who won and what the search expected, seat by seat.
    fn push_value(&mut self, outcome: Outcome, mover: Seat, found: &[f32; SEATS_MAX]) {
        let start = self.value.len();
        self.value.resize(start + self.seats, 0.0);
        for seat in Seat::all(self.seats) {
            let (won, found) = (outcome.share(seat), found[seat.index()]);
            self.value[start + seat.relative_to(mover, self.seats)] = won + self.search_share * (found - won);
        }
    }

    /// How near each seat had come, from the mover on.
    fn push_margin(&mut self, near: &[f32; SEATS_MAX], mover: Seat) {
        let start = self.margin.len();
        self.margin.resize(start + self.seats, 0.0);
        for seat in Seat::all(self.seats) {
            self.margin[start + seat.relative_to(mover, self.seats)] = near[seat.index()];
        }
    }

    fn truncate(&mut self, len: usize) {
        self.starts.truncate(len + 1);
        let actions = self.starts[len];
        self.ids.truncate(actions);
        self.policy.truncate(actions);
        self.planes.truncate(len * self.shape.len());
        self.value.truncate(len * self.seats);
        self.margin.truncate(len * self.seats);
    }

    /// Adds the samples of another list after these.
    pub(super) fn append(&mut self, other: &Samples) {
        let (samples, actions) = (self.len(), self.ids.len());
        self.planes.extend_from_slice(&other.planes);
        self.value.extend_from_slice(&other.value);
        self.margin.extend_from_slice(&other.margin);
        self.ids.extend_from_slice(&other.ids);
        self.policy.extend_from_slice(&other.policy);
        self.starts.extend(other.starts.iter().skip(1).map(|start| start + actions));
        let moved = |game: &SampledGame| SampledGame { first: game.first + samples, ..*game };
        self.games.extend(other.games.iter().map(moved));
    }

    /// BLAKE3 of everything that a run learns from. Equal samples have equal hashes, on every machine.
    pub fn hash(&self) -> Hash {
        let mut hasher = blake3::Hasher::new();
        // Samples without margins keep the hash that they had before there were any.
        let margin = (!self.margin.is_empty()).then_some(&self.margin);
        for floats in [&self.planes, &self.value, &self.policy].into_iter().chain(margin) {
            hasher.update(&(floats.len() as u64).to_le_bytes());
            floats.iter().for_each(|value| {
                hasher.update(&value.to_le_bytes());
            });
        }
        self.ids.iter().for_each(|id| {
            hasher.update(&id.to_le_bytes());
        });
        for start in self.starts.iter().chain(self.games.iter().map(|game| &game.first)) {
            hasher.update(&(*start as u64).to_le_bytes());
        }
        self.games.iter().for_each(|game| {
            hasher.update(&game.line.0).update(&game.weight.0.to_le_bytes());
        });
        Hash(*hasher.finalize().as_bytes())
    }

    /// Makes the first policy one that is no distribution.
    #[cfg(test)]
    pub(super) fn spoil(&mut self) {
        self.policy[0] += 0.5;
    }

    /// The arrays.
    pub(super) fn parts(&self) -> Parts<'_> {
        Parts {
            planes: &self.planes,
            value: &self.value,
            margin: &self.margin,
            starts: &self.starts,
            ids: &self.ids,
            policy: &self.policy,
        }
    }

    /// Samples of arrays from elsewhere, checked as far as one can without the games.
    pub(super) fn from_parts<G: Planes>(game: &G, arrays: Arrays, games: Vec<SampledGame>) -> Result<Samples, String> {
        let Arrays { planes, value, margin, starts, ids, policy } = arrays;
        let margins = !margin.is_empty();
        let samples = Samples { starts, margins, planes, value, margin, ids, policy, games, ..Samples::new(game) };
        let bounded = samples.starts.first() == Some(&0) && samples.starts.last() == Some(&samples.ids.len());
        if !bounded || !samples.starts.is_sorted_by(|a, b| a < b) || samples.len() > SAMPLES_MAX {
            return Err("the offsets of actions are not in order".to_owned());
        }
        let sums_to_one = |shares: &[f32]| {
            let usable = shares.iter().all(|share| share.is_finite() && (0.0..=1.0).contains(share));
            usable && (shares.iter().map(|share| f64::from(*share)).sum::<f64>() - 1.0).abs() < SUM_SLACK
        };
        for index in 0..samples.len() {
            let sample = samples.get(index);
            let seen: std::collections::BTreeSet<u32> = sample.ids.iter().copied().collect();
            let problem = [
                (sample.planes.iter().any(|value| !value.is_finite()), "has a plane that is not finite"),
                (seen.len() != sample.ids.len(), "names an action twice"),
                (seen.last().is_some_and(|id| *id as usize >= samples.actions), "names an action beyond the table"),
                (!sums_to_one(sample.policy), "has a policy that is no distribution"),
                (!sums_to_one(sample.value), "has values that are no distribution"),
                (sample.margin.iter().any(|near| !(0.0..=1.0).contains(near)), "has a margin that is not from 0 to 1"),
            ];
            if let Some((_, problem)) = problem.into_iter().find(|(wrong, _)| *wrong) {
                return Err(format!("sample {index} {problem}"));
            }
        }
        Ok(samples)
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// True when there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The games that the samples are from, in order.
    pub fn games(&self) -> &[SampledGame] {
        &self.games
    }

    /// The samples of the game with this index.
    ///
    /// # Panics
    /// When there is none.
    pub fn of_game(&self, index: usize) -> std::ops::Range<usize> {
        self.games[index].first..self.games.get(index + 1).map_or(self.len(), |next| next.first)
    }

    /// Shape of a position.
    pub fn shape(&self) -> PlaneShape {
        self.shape
    }

    /// Length of the action table.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Number of players.
    pub fn seats(&self) -> usize {
        self.seats
    }

    /// The sample with this index.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&self, index: usize) -> Sample<'_> {
        let legal = self.starts[index]..self.starts[index + 1];
        Sample {
            planes: &self.planes[index * self.shape.len()..][..self.shape.len()],
            ids: &self.ids[legal.clone()],
            policy: &self.policy[legal],
            value: &self.value[index * self.seats..][..self.seats],
            margin: if self.margin.is_empty() { &[] } else { &self.margin[index * self.seats..][..self.seats] },
        }
    }
}

/// BLAKE3 over the game, its rules and the actions.
fn line(game: &str, rules_version: u32, record: &GameRecord) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(game.as_bytes()).update(&[0]).update(&rules_version.to_le_bytes());
    record.plies.iter().for_each(|ply| {
        hasher.update(&ply.action.0.to_le_bytes());
    });
    Hash(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::connect4::ConnectFour;
    use crate::game::ringrift::RingRift;
    use crate::learn::fixtures;

    #[test]
    fn the_same_records_give_the_same_samples() {
        assert_eq!(fixtures::samples(5, 7), fixtures::samples(5, 7));
        assert_ne!(fixtures::samples(5, 7), fixtures::samples(5, 8));
    }

    #[test]
    fn values_are_seen_from_the_mover() {
        let record = fixtures::game(3);
        let mut samples = Samples::new(&ConnectFour);
        samples.add_game(&ConnectFour, &record).expect("replays");
        assert_eq!(samples.len(), record.plies.len());
        for ply in 0..samples.len() {
            let mover = Seat::new(ply % 2).expect("two seats");
            let expect = [record.outcome.share(mover), record.outcome.share(mover.next(2))];
            assert_eq!(samples.get(ply).value, expect);
            assert_eq!(samples.get(ply).policy.iter().sum::<f32>(), 1.0);
        }
        assert_eq!(samples.get(0).ids, [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn values_lie_between_the_outcome_and_what_the_search_expected() {
        let record = fixtures::game(3);
        let values = |share| {
            let mut samples = Samples::new(&ConnectFour).with_search_share(Real(share));
            samples.add_game(&ConnectFour, &record).expect("replays");
            (0..samples.len()).map(|ply| samples.get(ply).value.to_vec()).collect::<Vec<_>>()
        };
        let (won, found, mixed) = (values(0), values(1_000_000), values(250_000));
        for (ply, record) in record.plies.iter().enumerate() {
            let expected = record.findings.as_ref().expect("searched").value();
            let mover = Seat::new(ply % 2).expect("two seats");
            assert_eq!(found[ply], [expected[mover.index()], expected[mover.next(2).index()]]);
            for seat in 0..2 {
                let between = 0.75 * won[ply][seat] + 0.25 * found[ply][seat];
                assert!((mixed[ply][seat] - between).abs() < 1e-6);
            }
        }
        assert_ne!(won, found);
    }

    #[test]
    fn margins_are_those_of_the_last_position_seen_from_the_mover() {
        let rules = &RingRift::HEX8[1];
        let record = fixtures::game_of(rules, 5, |action| rules.action_id(action).0);
        let mut samples = Samples::new(rules).with_margins(rules, true);
        samples.add_game(rules, &record).expect("replays");
        let mut movers = vec![];
        let (outcome, last) = replay_to_end(rules, &record, |view| movers.push(view.mover)).expect("replays");
        let near = rules.progress(&last).expect("RingRift knows");
        assert!(Seat::all(3).all(|seat| (near[seat.index()] == 1.0) == (outcome.winner() == Some(seat))), "{near:?}");
        for (index, mover) in movers.into_iter().enumerate() {
            let expect = [mover, mover.next(3), mover.next(3).next(3)].map(|seat| near[seat.index()]);
            assert_eq!(samples.get(index).margin, expect);
        }
        let mut bare = Samples::new(rules);
        bare.add_game(rules, &record).expect("replays");
        assert!(bare.get(0).margin.is_empty() && bare.hash() != samples.hash());
        assert!(!Samples::new(&ConnectFour).with_margins(&ConnectFour, true).margins, "it knows nothing but who won");
    }

    #[test]
    fn plies_without_a_search_teach_nothing() {
        let mut record = fixtures::game(3);
        record.plies[0].findings = None;
        let mut samples = Samples::new(&ConnectFour);
        samples.add_game(&ConnectFour, &record).expect("replays");
        assert_eq!(samples.len(), record.plies.len() - 1);
    }

    #[test]
    fn a_game_that_does_not_replay_adds_nothing() {
        let mut samples = fixtures::samples(1, 1);
        let before = samples.clone();
        let mut record = fixtures::game(2);
        record.plies.pop();
        let file = fixtures::file(&[record]);
        let error = samples.add_file(&ConnectFour, &file).expect_err("unfinished").to_string();
        assert!(error.starts_with("game 0 of a batch"), "{error}");
        assert_eq!(samples, before);
        assert!(!samples.add_file(&ConnectFour, b"garbage").expect_err("no file").may_pass_later());
        assert_eq!(samples.actions(), ConnectFour.action_count());
    }
}
