//! Budgets by name: how many simulations a move gets. The only place that says so.
//!
//! What a game was asked to spend stands in its record's generators, what each move really spent in its findings.

use std::fmt;
use std::str::FromStr;

use super::error::SearchError;

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
            allowed: "THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER",
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
        assert_eq!(error, "budget is endless, allowed is THROUGHPUT, STANDARD, QUALITY, ULTIMATE or MASTER");
    }
}
