//! How late the control runtime's timers fire: the proof that bulk work does not delay control.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the lag is measured.
const LAG_EVERY: Duration = Duration::from_millis(100);
/// Timers that fire so late are told of: heartbeats that come so late are a fourth of the way to an election, at the usual timing.
const LAG_HIGH: Duration = Duration::from_millis(250);
/// For so long.
const TOLD_FOR: Duration = Duration::from_secs(60);

/// The worst lag of a runtime's timers since it was last asked for.
#[derive(Clone, Default)]
pub struct LoopLag {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    worst: Duration,
    /// When the timer that runs now is to fire.
    due: Option<Instant>,
    /// When a timer last fired too late, and by how much.
    high: Option<(Instant, Duration)>,
}

impl Seen {
    fn note(&mut self, lag: Duration, now: Instant) {
        self.worst = self.worst.max(lag);
        if lag >= LAG_HIGH {
            if self.high(now).is_none() {
                tracing::warn!(lag_ms = lag.as_millis() as u64, "the control runtime is late: something holds it up");
            }
            let worst = self.high(now).map_or(lag, |known| known.max(lag));
            self.high = Some((now, worst));
        }
    }

    fn high(&self, now: Instant) -> Option<Duration> {
        self.high.filter(|(at, _)| now.duration_since(*at) < TOLD_FOR).map(|(_, lag)| lag)
    }

    fn overdue(&self) -> Duration {
        self.due.map(|due| due.elapsed()).unwrap_or_default()
    }
}

impl LoopLag {
    /// Measures on the current runtime until `stop`.
    pub async fn measure(self, stop: CancellationToken) {
        loop {
            let due = Instant::now() + LAG_EVERY;
            self.with(|seen| seen.due = Some(due));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            self.with(|seen| seen.note(due.elapsed(), Instant::now()));
        }
    }

    /// The worst lag since this was last asked, that of a timer that should have fired by now included: a runtime that stands
    /// still tells nothing by itself. Two who ask divide the spikes between them.
    pub fn take(&self) -> Duration {
        self.with(|seen| {
            let overdue = seen.overdue();
            std::mem::take(&mut seen.worst).max(overdue)
        })
    }

    /// The worst of the lags that were too high, until none was for a minute. A runtime that stands still counts while it does.
    pub fn high(&self) -> Option<Duration> {
        self.with(|seen| {
            let still = Some(seen.overdue()).filter(|overdue| *overdue >= LAG_HIGH);
            seen.high(Instant::now()).max(still)
        })
    }

    /// For how long a timer should have fired by now: for how long the runtime stands still.
    pub fn overdue(&self) -> Duration {
        self.with(|seen| seen.overdue())
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::{Pin, pin};
    use std::task::Poll;

    use super::*;

    /// Time passes; then the runtime comes to run what measures.
    async fn run_after(ms: u64, measuring: Pin<&mut impl Future<Output = ()>>) {
        tokio::time::advance(Duration::from_millis(ms)).await;
        let mut measuring = measuring;
        poll_fn(|context| Poll::Ready(measuring.as_mut().poll(context).is_pending())).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_spike_stays_until_it_is_asked_for() {
        let lag = LoopLag::default();
        let mut measuring = pin!(lag.clone().measure(CancellationToken::new()));
        run_after(0, measuring.as_mut()).await;
        run_after(350, measuring.as_mut()).await;
        for _ in 0..20 {
            run_after(100, measuring.as_mut()).await;
        }
        let found = lag.take();
        // Tokio's timers fire a millisecond late.
        assert!((250..260).contains(&found.as_millis()), "{found:?}");
        assert!(lag.take() < Duration::from_millis(10), "it was asked for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_high_lag_is_told_of_until_none_was_for_a_minute() {
        let lag = LoopLag::default();
        let mut measuring = pin!(lag.clone().measure(CancellationToken::new()));
        run_after(0, measuring.as_mut()).await;
        run_after(200, measuring.as_mut()).await;
        assert_eq!(lag.high(), None, "a tenth of a second is none");
        run_after(500, measuring.as_mut()).await;
        run_after(400, measuring.as_mut()).await;
        let told = lag.high().expect("told");
        assert!((400..410).contains(&told.as_millis()), "the worst: {told:?}");
        for _ in 0..601 {
            run_after(100, measuring.as_mut()).await;
        }
        assert_eq!(lag.high(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_that_stands_still_is_seen_while_it_does() {
        let lag = LoopLag::default();
        assert_eq!(lag.take(), Duration::ZERO, "nothing runs yet");
        let mut measuring = pin!(lag.clone().measure(CancellationToken::new()));
        run_after(0, measuring.as_mut()).await;
        tokio::time::advance(Duration::from_millis(700)).await;
        assert!(lag.take() >= Duration::from_millis(600));
        assert!(lag.overdue() >= Duration::from_millis(600), "it goes on standing still");
    }
}
