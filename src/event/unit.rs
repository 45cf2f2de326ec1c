//! Units: positions, terms, times and exact decimals. No bare integer of these crosses a function boundary.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! counter {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash,
            rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        #[rkyv(derive(Debug))]
        pub struct $name(pub u64);

        impl $name {
            /// The one after this.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

counter! {
    /// The position of a record in the log. The first record is 1; 0 means "before the first".
    Seq
    /// A Raft term: an era with at most one leader.
    Term
}

/// A moment in milliseconds since the Unix epoch, or a length in milliseconds where a name says so.
/// In JSON it is RFC 3339 text in UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
#[rkyv(derive(Debug))]
pub struct Millis(pub u64);

impl Millis {
    /// Milliseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub fn since(self, earlier: Millis) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `ms` milliseconds after this one.
    #[must_use]
    pub fn plus(self, ms: u64) -> Millis {
        Millis(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => write!(f, "{ms}ms"),
        }
    }
}

impl std::str::FromStr for Millis {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let at: jiff::Timestamp = text.parse()?;
        Ok(Millis(u64::try_from(at.as_millisecond()).unwrap_or(0)))
    }
}

impl Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Millis {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Millis".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "description": "UTC, millisecond precision"})
    }
}

/// An exact decimal in millionths. Events hold no floating-point numbers: their bytes are hashed and compared, and
/// sums of these do not depend on order. In JSON it is a number.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
#[rkyv(derive(Debug))]
pub struct Real(pub i64);

impl Real {
    /// Millionths in a whole.
    pub const SCALE: i64 = 1_000_000;
    /// Zero.
    pub const ZERO: Real = Real(0);
    /// One.
    pub const ONE: Real = Real(Self::SCALE);

    /// The nearest decimal, or `None` for NaN, infinities and values beyond ±9.2e12.
    pub fn from_f64(value: f64) -> Option<Real> {
        let scaled = value * Self::SCALE as f64;
        (scaled.is_finite() && scaled.abs() < i64::MAX as f64).then(|| Real(scaled.round() as i64))
    }

    /// The ratio `part / whole`, rounded down to millionths; zero when `whole` is zero.
    pub fn ratio(part: u64, whole: u64) -> Real {
        if whole == 0 {
            return Real::ZERO;
        }
        let value = i128::from(part) * i128::from(Self::SCALE) / i128::from(whole);
        Real(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// The value as a float, for display and for arithmetic outside the log.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::SCALE as f64
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.precision() {
            Some(precision) => write!(f, "{:.precision$}", self.to_f64()),
            None => write!(f, "{}", self.to_f64()),
        }
    }
}

impl Serialize for Real {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_f64())
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Real::from_f64(value).ok_or_else(|| serde::de::Error::custom("number out of range"))
    }
}

impl JsonSchema for Real {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Real".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "description": "exact to six decimals"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write_as_rfc_3339() {
        let at = Millis(1_700_000_000_123);
        assert_eq!(at.to_string(), "2023-11-14T22:13:20.123Z");
        assert_eq!(at.to_string().parse::<Millis>().expect("own text"), at);
    }

    #[test]
    fn decimals_refuse_what_they_cannot_hold() {
        assert_eq!(Real::from_f64(f64::NAN), None);
        assert_eq!(Real::from_f64(f64::INFINITY), None);
        assert_eq!(Real::from_f64(0.25), Some(Real(250_000)));
        assert_eq!(Real::ratio(1, 3), Real(333_333));
        assert_eq!(Real::ratio(1, 0), Real::ZERO);
    }
}
