//! When the next batch goes: at once, or after those who are about to write, too.
//!
//! Whatever a batch carries, it costs every node a message and a sync. Programs that write one event after the other come
//! back right after their answers, so a leader that sends what it has at that moment divides them into groups that never
//! meet again, and pays for each. So it waits for them: while a batch is on its way, and for a moment after its answers,
//! but only if those who got the last answers did come back in that moment. Nobody who writes alone ever waits, nor does a
//! batch that is worth its sync.

use std::time::Duration;

use tokio::time::Instant;

/// Records that are worth a batch whoever else may come.
const RECORDS_ENOUGH: usize = 256;
/// A batch goes when so many times as many messages wait as are missing.
const PRESENT_PER_MISSING: usize = 7;
/// How soon after its answer a program that writes on and on has sent its next message: a round trip, on busy cores.
const COMES_BACK_WITHIN: Duration = Duration::from_millis(1);

/// When a batch goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// At once.
    Now,
    /// Then, unless something happens before.
    At(Instant),
    /// Not before a batch has landed.
    Landed,
}

/// What is known of those who write.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The last answers.
    last: Option<Answers>,
    /// Whether most of those who got the answers before the last came back soon.
    they_return: bool,
}

#[derive(Debug)]
struct Answers {
    at: Instant,
    given: usize,
    /// Messages that came within [`COMES_BACK_WITHIN`].
    returned: usize,
}

impl Pace {
    /// So many messages were answered.
    pub fn answered(&mut self, messages: usize, now: Instant) {
        if messages == 0 {
            return;
        }
        if let Some(last) = &self.last {
            self.they_return = last.returned * 2 >= last.given;
        }
        self.last = Some(Answers { at: now, given: messages, returned: 0 });
    }

    /// So many messages came.
    pub fn came(&mut self, messages: usize, now: Instant) {
        if let Some(last) = self.last.as_mut().filter(|last| now <= last.at + COMES_BACK_WITHIN) {
            last.returned += messages;
        }
    }

    /// When a batch goes for which `waiting` messages with so many `records` wait, while so many messages are `in_flight`.
    pub fn next(&self, waiting: usize, records: usize, in_flight: usize, now: Instant) -> When {
        let expected = self.last.as_ref().filter(|last| self.they_return && now < last.at + COMES_BACK_WITHIN);
        let missing = in_flight + expected.map_or(0, |last| last.given.saturating_sub(last.returned));
        if records >= RECORDS_ENOUGH || waiting >= PRESENT_PER_MISSING * missing {
            return When::Now;
        }
        match expected {
            _ if in_flight > 0 => When::Landed,
            Some(last) => When::At(last.at + COMES_BACK_WITHIN),
            None => When::Now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_micros(300);

    /// A pace whose writers have come back before, and `given` of them were answered just now.
    fn known_to_return(given: usize, now: Instant) -> Pace {
        Pace { last: Some(Answers { at: now, given, returned: 0 }), they_return: true }
    }

    #[test]
    fn who_writes_alone_never_waits() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        for round in 0..10 {
            let now = begun + SOON * round;
            pace.came(1, now);
            assert_eq!(pace.next(1, 1, 0, now), When::Now, "round {round}");
            pace.answered(1, now + SOON / 2);
        }
    }

    #[test]
    fn those_who_come_back_go_together() {
        let now = Instant::now();
        let mut pace = known_to_return(15, now);
        // One waits, fifteen were answered: they are waited for, until two are missing.
        assert_eq!(pace.next(1, 1, 0, now), When::At(now + COMES_BACK_WITHIN));
        pace.came(12, now + SOON);
        assert_eq!(pace.next(13, 13, 0, now + SOON), When::At(now + COMES_BACK_WITHIN));
        pace.came(1, now + SOON);
        assert_eq!(pace.next(14, 14, 0, now + SOON), When::Now);
        // Two came late: they go when the fourteen have landed, with whoever is back then.
        assert_eq!(pace.next(2, 2, 14, now + SOON), When::Landed);
    }

    #[test]
    fn a_batch_that_is_worth_its_sync_goes_at_once() {
        let now = Instant::now();
        let pace = known_to_return(4, now);
        assert_eq!(pace.next(2, RECORDS_ENOUGH, 32, now), When::Now);
        assert_eq!(pace.next(2, RECORDS_ENOUGH - 1, 32, now), When::Landed);
    }

    #[test]
    fn nobody_waits_for_those_who_stay_away() {
        let now = Instant::now();
        let mut pace = known_to_return(8, now);
        assert_eq!(pace.next(1, 1, 0, now + COMES_BACK_WITHIN), When::Now, "the moment is over");
        // Nobody came back; so the next time nobody is waited for, until some do come back.
        let later = now + COMES_BACK_WITHIN * 5;
        pace.answered(8, later);
        assert_eq!(pace.next(1, 1, 0, later), When::Now);
        pace.came(4, later + SOON);
        pace.answered(8, later + SOON * 2);
        assert_eq!(pace.next(1, 1, 0, later + SOON * 2), When::At(later + SOON * 2 + COMES_BACK_WITHIN));
    }
}
