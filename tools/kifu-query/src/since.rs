//! Where in the log to begin, as people say it: `4711`, `-10m`, or a moment in RFC 3339.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use kifu::event::{Millis, Seq};
use kifu::replay::Moment;

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// At a position.
    Seq(Seq),
    /// At a moment.
    At(Millis),
    /// So many milliseconds ago.
    Ago(u64),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(seq) = text.parse() {
            return Ok(Since::Seq(Seq(seq)));
        }
        if let Some(length) = text.strip_prefix('-') {
            return parse_length(length).map(Since::Ago);
        }
        text.parse().map(Since::At).map_err(|_| {
            format!("{text:?} is no position (4711), no length (-10m) and no moment (2026-01-31T12:00:00Z)")
        })
    }
}

impl Since {
    /// The same for a node.
    pub fn at(self) -> Moment {
        match self {
            Since::Seq(seq) => Moment::Seq(seq),
            Since::At(_) | Since::Ago(_) => Moment::Time(self.moment().unwrap_or_default()),
        }
    }

    /// The moment meant, unless it is a position.
    pub fn moment(self) -> Option<Millis> {
        match self {
            Since::Seq(_) => None,
            Since::At(at) => Some(at),
            Since::Ago(ms) => {
                let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
                Some(Millis(now.saturating_sub(ms)))
            }
        }
    }
}

/// Milliseconds in a length such as `90s`, `10m` or `1h30m`.
pub fn parse_length(text: &str) -> Result<u64, String> {
    let length: SignedDuration =
        text.parse().map_err(|_| format!("{text:?} is no length of time such as 90s or 1h30m"))?;
    u64::try_from(length.as_millis()).map_err(|_| format!("{text:?} is negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lengths_and_moments_are_told_apart() {
        assert_eq!("4711".parse(), Ok(Since::Seq(Seq(4711))));
        assert_eq!("-10m".parse(), Ok(Since::Ago(600_000)));
        assert_eq!("2023-11-14T22:13:20.123Z".parse(), Ok(Since::At(Millis(1_700_000_000_123))));
        assert!("yesterday".parse::<Since>().is_err());
        assert!("-soon".parse::<Since>().is_err());
        assert_eq!(parse_length("1h30m"), Ok(5_400_000));
    }
}
