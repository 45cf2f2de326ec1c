//! Budgets by name: how many simulations a move gets. The only place that says so.
//!
//! Whoever takes a number of simulations from people, in a configuration or a flag, takes a name as well: [`simulations`]. What a game
//! was asked to spend stands in its record's generators, what each move really spent in its findings.

use std::fmt;
use std::str::FromStr;

use super::error::SearchError;
use super::gumbel::SIMULATIONS_MAX;

/// A budget with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Budget {
    /// Many games: bootstrap and smoke tests.
    Throughput,
    /// Self-play and gauntlets.
    Standard,
    /// Self-play of strong models.
    Quality,
    /// Exams.
    Ultimate,
    /// Analysis, and games against people.
    Master,
}

impl Budget {
    /// All budgets, smallest first.
    pub const ALL: [Budget; 5] =
        [Budget::Throughput, Budget::Standard, Budget::Quality, Budget::Ultimate, Budget::Master];

    /// Simulations a move.
    pub const fn simulations(self) -> u32 {
        match self {
            Budget::Throughput => 64,
            Budget::Standard => 200,
            Budget::Quality => 800,
            Budget::Ultimate => 1_600,
            Budget::Master => 3_200,
        }
    }

    /// The budget of exactly so many simulations.
    pub fn of(simulations: u32) -> Option<Budget> {
        Budget::ALL.into_iter().find(|budget| budget.simulations() == simulations)
    }

    /// The name, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Budget::Throughput => "THROUGHPUT",
            Budget::Standard => "STANDARD",
            Budget::Quality => "QUALITY",
            Budget::Ultimate => "ULTIMATE",
            Budget::Master => "MASTER",
        }
    }
}

/// Simulations a move, as people write them: a budget's name in any case, or a number.
///
/// # Errors
/// When it is neither, or more than a search takes.
pub fn simulations(text: &str) -> Result<u32, SearchError> {
    match text.parse::<u64>() {
        Ok(number) => u32::try_from(number)
            .ok()
            .filter(|number| *number <= SIMULATIONS_MAX)
            .ok_or_else(|| SearchError::Bounds { what: "simulations", found: text.to_owned(), allowed: "0 to 65536" }),
        Err(_) => text.parse().map(Budget::simulations),
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Budget {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Budget, SearchError> {
        let named = Budget::ALL.into_iter().find(|budget| budget.name().eq_ignore_ascii_case(text));
        named.ok_or_else(|| SearchError::Bounds {
            what: "budget",
            found: text.to_owned(),
            allowed: "THROUGHPUT, STANDARD, QUALITY, ULTIMATE, MASTER or a number",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_how_many() {
        assert_eq!(Budget::ALL.map(Budget::simulations), [64, 200, 800, 1_600, 3_200]);
        for budget in Budget::ALL {
            assert_eq!(budget.to_string().parse(), Ok(budget));
        }
        assert_eq!("standard".parse(), Ok(Budget::Standard));
        let error = "endless".parse::<Budget>().expect_err("unknown").to_string();
        assert_eq!(error, "budget is endless, allowed is THROUGHPUT, STANDARD, QUALITY, ULTIMATE, MASTER or a number");
        assert_eq!(Budget::ALL.map(|budget| Budget::of(budget.simulations())), Budget::ALL.map(Some));
        assert_eq!(Budget::of(65), None);
    }

    #[test]
    fn people_write_a_name_or_a_number() {
        let cases = [("STANDARD", 200), ("quality", 800), ("Master", 3_200), ("48", 48), ("0", 0), ("65536", 65_536)];
        for (text, expected) in cases {
            assert_eq!(simulations(text), Ok(expected), "{text}");
        }
        for text in ["", "fast", "-1", "65537", "99999999999", "64 ", "6.4"] {
            assert!(matches!(simulations(text), Err(SearchError::Bounds { .. })), "{text:?}");
        }
    }
}
