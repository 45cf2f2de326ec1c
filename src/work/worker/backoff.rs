//! How long to wait before a program that failed is started again.

use std::time::Duration;

/// Doubles from a base to a cap with every failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure, in milliseconds.
    pub base_ms: u64,
    /// The longest wait, in milliseconds.
    pub cap_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { base_ms: 500, cap_ms: 30_000 }
    }
}

impl Backoff {
    /// The wait after so many failures in a row; none after none.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(63);
        let wait = if failures == 0 { 0 } else { self.base_ms.saturating_mul(1 << doublings).min(self.cap_ms) };
        Duration::from_millis(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_the_cap() {
        let backoff = Backoff { base_ms: 100, cap_ms: 1_000 };
        let waits: Vec<u128> = [0, 1, 2, 3, 4, 5, 200].map(|failures| backoff.after(failures).as_millis()).to_vec();
        assert_eq!(waits, [0, 100, 200, 400, 800, 1_000, 1_000]);
    }
}
