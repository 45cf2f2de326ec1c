//! How many handshakes each address may begin: a bucket for each, filled at a constant rate.
//!
//! A handshake costs the answering side a millisecond of CPU, so that a flood of them is the cheapest attack there is. A sender
//! of forged addresses must not use up the bucket of the honest owner: who has not shown yet that it receives at its
//! address takes only from the upper half, and is asked to show it when that is empty.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::limits::{ADDRESSES_MAX, EndpointLimits};

/// What to do with a handshake that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Welcome,
    /// First let it show that it receives at its address.
    Prove,
    /// Too many from there.
    TooMany,
}

/// Where packets come from, as coarse as one owner: an IPv4 address, or the network half of an IPv6 address.
pub(super) fn source(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

/// The buckets. At most [`ADDRESSES_MAX`]; those that are full again are forgotten first, and when all are in use, further
/// addresses share one.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

/// Handshakes that may begin, in thousandths, as of a moment.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli: u64,
    at: Instant,
}

const ONE: u64 = 1_000;

impl Rates {
    /// Takes one handshake from the bucket of `address`. `proved` says that its owner has shown to receive there.
    pub(super) fn take(&self, address: SocketAddr, proved: bool, now: Instant, limits: &EndpointLimits) -> Verdict {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut source = source(address);
        if !buckets.contains_key(&source) && buckets.len() >= ADDRESSES_MAX {
            buckets.retain(|_, bucket| bucket.filled(now, limits).milli < capacity(limits));
            if buckets.len() >= ADDRESSES_MAX {
                source = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let fresh = Bucket { milli: capacity(limits), at: now };
        let bucket = buckets.entry(source).or_insert(fresh);
        *bucket = bucket.filled(now, limits);
        let floor = if proved { 0 } else { capacity(limits) / 2 };
        if bucket.milli >= floor + ONE {
            bucket.milli -= ONE;
            Verdict::Welcome
        } else if proved {
            Verdict::TooMany
        } else {
            Verdict::Prove
        }
    }
}

fn capacity(limits: &EndpointLimits) -> u64 {
    u64::from(limits.handshakes_burst) * ONE
}

impl Bucket {
    fn filled(self, now: Instant, limits: &EndpointLimits) -> Bucket {
        let elapsed = now.saturating_duration_since(self.at).min(Duration::from_secs(3_600));
        let milli = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let gained = milli.saturating_mul(u64::from(limits.handshakes_per_second));
        Bucket { milli: self.milli.saturating_add(gained).min(capacity(limits)), at: now }
    }
}

/// Handshakes under way, by source: none may take more than three quarters of all places, so that a flood from one address leaves
/// room for others. At most as many sources as there are places.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<BTreeMap<IpAddr, usize>>,
}

/// One handshake under way; uncounted when dropped.
#[derive(Debug)]
pub(super) struct Flight {
    flights: Arc<Flights>,
    source: IpAddr,
}

impl Flights {
    /// Counts a handshake from `address`; `None` when too many from there are under way.
    pub(super) fn begin(self: &Arc<Self>, address: SocketAddr, limits: &EndpointLimits) -> Option<Flight> {
        let source = source(address);
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(source).or_default();
        if *count >= (limits.handshakes_max - limits.handshakes_max / 4).max(1) {
            return None;
        }
        *count += 1;
        Some(Flight { flights: self.clone(), source })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut under_way = self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> EndpointLimits {
        EndpointLimits { handshakes_burst: 10, handshakes_per_second: 2, ..Default::default() }
    }

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_lower_half_is_for_those_who_showed_their_address() {
        let (rates, now, limits) = (Rates::default(), Instant::now(), limits());
        let take = |proved, now| rates.take(at("10.0.0.1:9"), proved, now, &limits);
        assert!((0..5).all(|_| take(false, now) == Verdict::Welcome));
        assert_eq!(take(false, now), Verdict::Prove);
        assert!((0..5).all(|_| take(true, now) == Verdict::Welcome));
        assert_eq!(take(true, now), Verdict::TooMany);
        assert_eq!(rates.take(at("10.0.0.2:9"), true, now, &limits), Verdict::Welcome, "others are not concerned");
        let later = now + Duration::from_secs(1);
        assert_eq!([take(true, later), take(true, later)], [Verdict::Welcome; 2]);
        assert_eq!(take(true, later), Verdict::TooMany);
    }

    #[test]
    fn one_source_leaves_a_quarter_of_the_places_to_others() {
        let limits = EndpointLimits { handshakes_max: 4, ..Default::default() };
        let flights = Arc::new(Flights::default());
        let begin = |address: &str| flights.begin(at(address), &limits);
        let (first, _second, _third) = (begin("10.0.0.1:1"), begin("10.0.0.1:2"), begin("10.0.0.1:3"));
        assert!(first.is_some() && begin("10.0.0.1:4").is_none());
        assert!(begin("10.0.0.2:1").is_some(), "another source");
        drop(first);
        assert!(begin("10.0.0.1:5").is_some());
        assert_eq!(flights.under_way.lock().expect("no panic").len(), 1, "who is done is forgotten");
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4_address() {
        assert_eq!(source(at("[2001:db8:1:2:3:4:5:6]:1")), source(at("[2001:db8:1:2:ffff::]:2")));
        assert_ne!(source(at("[2001:db8:1:2::]:1")), source(at("[2001:db8:1:3::]:1")));
        assert_eq!(source(at("[::ffff:10.0.0.1]:1")), source(at("10.0.0.1:2")));
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let (rates, now, limits) = (Rates::default(), Instant::now(), limits());
        for number in 0..ADDRESSES_MAX as u32 + 50 {
            let ip = std::net::Ipv4Addr::from_bits(number);
            rates.take(SocketAddr::new(ip.into(), 1), true, now, &limits);
        }
        assert_eq!(rates.buckets.lock().expect("no panic").len(), ADDRESSES_MAX + 1, "and one that the rest shares");
        let later = now + Duration::from_secs(60);
        rates.take(at("255.0.0.1:1"), true, later, &limits);
        assert_eq!(rates.buckets.lock().expect("no panic").len(), 1, "full buckets are forgotten");
    }
}
