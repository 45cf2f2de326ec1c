//! What the links carry, where they are narrow: so many bytes a millisecond, in each direction of each pair by itself. What is
//! sent faster waits its turn, and what finds the queue full is lost, as at a router.

use std::time::Duration;

/// What IP and UDP add to a packet.
const HEADERS_BYTES: u64 = 28;

/// How much a link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    pub bytes_per_ms: u64,
    /// Longer nothing waits.
    pub queue_ms: u64,
}

/// All links, as far as they are in use.
pub struct Wires {
    /// None: as much as anybody sends.
    width: Option<Width>,
    /// When the last packet of each link will have left.
    free_at: Vec<Vec<Duration>>,
    /// What crossed the links since they were last changed.
    pub carried: Carried,
}

/// What crossed narrow links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub bytes: u64,
    /// Packets that had to wait.
    pub waited: u64,
    /// Packets that found a full queue.
    pub dropped: u64,
}

impl Wires {
    pub fn new(machines: usize) -> Wires {
        Wires { width: None, free_at: vec![vec![Duration::ZERO; machines]; machines], carried: Carried::default() }
    }

    /// Makes all links so wide.
    pub fn change(&mut self, width: Option<Width>) {
        (self.width, self.carried) = (width, Carried::default());
    }

    /// When a packet that is sent now has left; none when it is lost.
    pub fn pass(&mut self, from: usize, to: usize, bytes: usize, now: Duration) -> Option<Duration> {
        let Some(Width { bytes_per_ms, queue_ms }) = self.width else { return Some(Duration::ZERO) };
        let free_at = &mut self.free_at[from][to];
        let waits = free_at.saturating_sub(now);
        if waits > Duration::from_millis(queue_ms) {
            self.carried.dropped += 1;
            return None;
        }
        let bytes = bytes as u64 + HEADERS_BYTES;
        self.carried.bytes += bytes;
        self.carried.waited += u64::from(!waits.is_zero());
        *free_at = now + waits + Duration::from_micros(bytes * 1_000 / bytes_per_ms);
        Some(*free_at - now)
    }
}

#[test]
fn what_is_sent_too_fast_waits_and_what_finds_no_room_is_lost() {
    let mut wires = Wires::new(2);
    let ms = Duration::from_millis;
    assert_eq!(wires.pass(0, 1, 1_000_000, ms(0)), Some(ms(0)), "wide links hold up nothing");
    wires.change(Some(Width { bytes_per_ms: 100, queue_ms: 15 }));
    let mut pass = |from, to, at| wires.pass(from, to, 972, ms(at));
    assert_eq!((pass(0, 1, 5), pass(0, 1, 5), pass(0, 1, 5)), (Some(ms(10)), Some(ms(20)), None));
    assert_eq!(pass(1, 0, 5), Some(ms(10)), "each direction has its own queue");
    assert_eq!(pass(0, 1, 15), Some(ms(20)), "a place is free again");
    assert_eq!(wires.carried, Carried { bytes: 4_000, waited: 2, dropped: 1 });
}
