//! Groups: the same opening played in all seat rotations.
//!
//! The games of a group depend on each other, because an opening may favour a seat; groups do not. So the group is the
//! statistical unit, and its score the candidate's mean share of the group's games. For two players this is the pentanomial
//! model of pairs of games with swapped colours.

use crate::event::evaluation::MatchTally;

/// The most players of a game.
pub const SEATS_MAX: u32 = 4;

/// Into how many parts a game's point is divided so that every shared win is a whole number of them: 2, 6, 12 for 2, 3, 4
/// players. For two players these are halves.
pub fn units_per_game(seats: u32) -> u32 {
    match seats {
        0..=2 => 2,
        3 => 6,
        _ => 12,
    }
}

/// Scores of groups, counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupScores {
    /// Players of the game, and games of a group.
    pub seats: u32,
    /// Groups by the candidate's score in units: index 0 is all lost, the last all won.
    pub counts: Vec<u64>,
}

impl GroupScores {
    /// No groups yet.
    pub fn new(seats: u32) -> GroupScores {
        let seats = seats.clamp(2, SEATS_MAX);
        GroupScores { seats, counts: vec![0; bins(seats)] }
    }

    /// Adds one group.
    pub fn push(&mut self, units: usize) {
        let last = self.counts.len() - 1;
        self.counts[units.min(last)] += 1;
    }

    /// Adds the groups of a tally.
    pub fn add(&mut self, tally: &MatchTally) {
        for (sum, groups) in self.counts.iter_mut().zip(&tally.pairs) {
            *sum += u64::from(*groups);
        }
    }

    /// Number of groups.
    pub fn groups(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Units of a group.
    pub fn units(&self) -> u64 {
        self.counts.len() as u64 - 1
    }

    /// The candidate's mean share of games; `None` without a group.
    pub fn mean(&self) -> Option<f64> {
        let groups = self.groups();
        let sum: u64 = (0_u64..).zip(&self.counts).map(|(units, count)| units * count).sum();
        (groups > 0).then(|| sum as f64 / (groups * self.units()) as f64)
    }
}

/// Whether a tally is that of so many groups: one game for each rotation, and the points of a shared game between an equal share and
/// a half.
pub fn adds_up(seats: u32, groups: u32, tally: &MatchTally) -> bool {
    let (games, unit) = (u64::from(seats) * u64::from(groups), u64::from(units_per_game(seats)));
    let sum = |counts: &[u32]| counts.iter().map(|count| u64::from(*count)).sum::<u64>();
    let units = tally.pairs.iter().zip(0_u64..).map(|(groups, units)| u64::from(*groups) * units).sum::<u64>();
    let (wins, draws) = (u64::from(tally.wins) * unit, u64::from(tally.draws));
    // A shared win that the candidate has no part in counts as shared and brings nothing.
    let least = if seats == 2 { draws * (unit / 2) } else { 0 };
    tally.pairs.len() == bins(seats)
        && sum(&tally.pairs) == u64::from(groups)
        && sum(&[tally.wins, tally.draws, tally.losses]) == games
        && (wins + least..=wins + draws * (unit / 2)).contains(&units)
}

/// Scores that a group of this many games may have.
pub fn bins(seats: u32) -> usize {
    (seats * units_per_game(seats)) as usize + 1
}

/// The variance of a group's score if its games were independent and won with probability `share`.
pub fn variance(share: f64, seats: u32) -> f64 {
    share * (1.0 - share) / f64::from(seats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_two_players_have_five_scores() {
        let mut scores = GroupScores::new(2);
        assert_eq!((scores.counts.len(), scores.mean()), (5, None));
        scores.add(&MatchTally { pairs: vec![1, 0, 2, 0, 1], ..MatchTally::default() });
        assert_eq!((scores.groups(), scores.mean()), (4, Some(0.5)));
    }

    #[test]
    fn tallies_must_add_up() {
        let tally = |wins, draws, losses, pairs: &[u32]| MatchTally {
            wins,
            draws,
            losses,
            pairs: pairs.to_vec(),
            ..MatchTally::default()
        };
        assert!(adds_up(2, 2, &tally(1, 2, 1, &[0, 1, 0, 1, 0])));
        assert!(!adds_up(2, 2, &tally(2, 1, 1, &[0, 1, 0, 1, 0])));
        assert!(!adds_up(2, 1, &tally(1, 2, 1, &[0, 1, 0, 1, 0])));
        let mut three = [0; 19];
        three[6 + 2] = 1;
        assert!(adds_up(3, 1, &tally(1, 1, 1, &three)), "a win, a third, a loss");
        assert!(!adds_up(3, 1, &tally(2, 0, 1, &three)));
        assert!(!adds_up(3, 1, &tally(1, 0, 1, &[0, 0, 1, 0, 0])));
    }

    #[test]
    fn every_shared_win_is_a_whole_number_of_units() {
        for seats in 2..=SEATS_MAX {
            assert!((1..=seats).all(|winners| units_per_game(seats).is_multiple_of(winners)));
            let mut scores = GroupScores::new(seats);
            scores.push((seats * units_per_game(seats)) as usize);
            assert_eq!(scores.mean(), Some(1.0));
            scores.push(0);
            assert_eq!(scores.mean(), Some(0.5));
        }
    }
}
