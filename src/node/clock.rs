//! The node's clock. Time enters the house here, and nowhere below.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::event::Millis;

/// Tells the time. A copy for whoever stamps events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Now, in milliseconds since the Unix epoch. A clock before 1970 reads as 0.
    pub fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}
