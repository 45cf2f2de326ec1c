//! Moments and lengths of time, for people.

use clap::ValueEnum;

use crate::event::Millis;

/// How a moment is written in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TimeStyle {
    /// As a distance from now, such as `12s ago`.
    #[default]
    Relative,
    /// RFC 3339 in UTC.
    Iso,
    /// Milliseconds since the epoch.
    Unix,
}

impl TimeStyle {
    /// `at` as text, seen from `now`.
    pub fn text(self, at: Millis, now: Millis) -> String {
        match self {
            TimeStyle::Iso => at.to_string(),
            TimeStyle::Unix => at.0.to_string(),
            TimeStyle::Relative if at > now => format!("in {}", length_text(at.since(now))),
            TimeStyle::Relative => format!("{} ago", length_text(now.since(at))),
        }
    }
}

/// A length of time with at most two units, such as `450ms`, `12s`, `3m20s`, `2d4h`.
pub fn length_text(ms: u64) -> String {
    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match ms % big / small {
        0 => format!("{}{big_unit}", ms / big),
        rest => format!("{}{big_unit}{rest}{small_unit}", ms / big),
    };
    match ms {
        0..SECOND => format!("{ms}ms"),
        SECOND..MINUTE => format!("{}s", ms / SECOND),
        MINUTE..HOUR => two(MINUTE, "m", SECOND, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "m"),
        DAY.. => two(DAY, "d", HOUR, "h"),
    }
}

/// A size with a binary unit, such as `812 B` or `1.4 MiB`.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_at_most_two_units() {
        let cases = [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (200_000, "3m20s"),
            (3_600_000, "1h"),
            (7_260_000, "2h1m"),
            (187_200_000, "2d4h"),
        ];
        for (ms, text) in cases {
            assert_eq!(length_text(ms), text);
        }
    }

    #[test]
    fn moments_follow_the_style() {
        let (at, now) = (Millis(1_700_000_000_123), Millis(1_700_000_012_500));
        assert_eq!(TimeStyle::Relative.text(at, now), "12s ago");
        assert_eq!(TimeStyle::Relative.text(now, at), "in 12s");
        assert_eq!(TimeStyle::Iso.text(at, now), "2023-11-14T22:13:20.123Z");
        assert_eq!(TimeStyle::Unix.text(at, now), "1700000000123");
    }

    #[test]
    fn sizes_never_show_1024_of_a_unit() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB"), ((1 << 20) - 1, "1.0 MiB")];
        for (bytes, text) in cases {
            assert_eq!(size_text(bytes), text);
        }
    }
}
