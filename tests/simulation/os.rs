//! The operating system as the simulation sees it: its random bytes follow from the seed, its clocks from the simulated time.
//!
//! Whatever is linked into this program asks the C library for random bytes (`getrandom`, or `syscall` with that number) and
//! for the time (`clock_gettime`): the standard library's hash maps, tokio's `select!`, openraft's election timeouts, QUIC's
//! connection ids, the keys of TLS. This module defines these symbols, so that all of them are the same in each run of a
//! seed, without a change to any of them and without special flags. On threads that simulate nothing, all go to the kernel as
//! ever.
//!
//! The keys count, although nobody can read what they encrypt: a datagram that meets the wrong keys is refused for
//! one reason or another, depending on what its first bytes happen to become.

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use tokio::runtime::{Handle, Id};

/// 2026-01-01, when every simulation begins.
pub const EPOCH_MS: u64 = 1_767_225_600_000;
const CLOCK_REALTIME: c_int = 0;
#[cfg(target_arch = "x86_64")]
const SYS_GETRANDOM: c_long = 318;
#[cfg(target_arch = "aarch64")]
const SYS_GETRANDOM: c_long = 278;

thread_local! {
    static ACTIVE: Cell<bool> = const { Cell::new(false) };
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    static NOW_NS: Cell<u64> = const { Cell::new(0) };
    /// How wrong the wall clock is in each runtime, that is on each simulated machine, in milliseconds.
    static SKEW_MS: RefCell<Vec<(Id, i64)>> = const { RefCell::new(vec![]) };
}

/// From now on this thread lives in the simulation. Must come first on a fresh thread.
pub fn enter(seed: u64) {
    RANDOM.set(seed);
    NOW_NS.set(0);
    ACTIVE.set(true);
}

/// Moves this thread's clocks.
pub fn set_now(elapsed: Duration) {
    NOW_NS.set(u64::try_from(elapsed.as_nanos()).expect("a short simulation"));
}

/// How far this thread's clocks have gone.
pub fn now() -> Duration {
    Duration::from_nanos(NOW_NS.get())
}

/// Sets the wall clock of the machine whose runtime this is, relative to the true time.
pub fn set_skew(runtime: Id, skew_ms: i64) {
    SKEW_MS.with_borrow_mut(|all| {
        all.retain(|(id, _)| *id != runtime);
        all.push((runtime, skew_ms));
    });
}

fn skew_ms() -> i64 {
    let Ok(handle) = Handle::try_current() else { return 0 };
    SKEW_MS.with_borrow(|all| all.iter().find(|(id, _)| *id == handle.id()).map_or(0, |(_, skew_ms)| *skew_ms))
}

fn next_random() -> u64 {
    // SplitMix64.
    let state = RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    RANDOM.set(state);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// The C library's `getrandom`.
#[expect(unsafe_code, reason = "the symbol must stand in for the C library's")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _flags: c_uint) -> isize {
    // SAFETY: by the contract of `getrandom`, `buffer` has `length` bytes that may be written; with none it may dangle.
    let bytes = match length {
        0 => return 0,
        _ => unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) },
    };
    if ACTIVE.get() {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&next_random().to_le_bytes()[..chunk.len()]);
        }
        return isize::try_from(length).expect("a small buffer");
    }
    let mut filled = 0;
    while filled < length {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(read) => filled += read,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return -1,
        }
    }
    isize::try_from(length).expect("a small buffer")
}

type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;

#[expect(unsafe_code, reason = "a function of the C library")]
unsafe extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// The C library's own `syscall`, which this module's hides. Must not wait for other threads: waiting is a system call.
#[expect(unsafe_code, reason = "it is called by address")]
fn library_syscall() -> Syscall {
    /// For `dlsym`: the symbol after this program's own.
    const RTLD_NEXT: *mut c_void = std::ptr::without_provenance_mut(usize::MAX);
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        // SAFETY: the name ends with a zero, and `RTLD_NEXT` names a place to look.
        found = unsafe { dlsym(RTLD_NEXT, c"syscall".as_ptr()) };
        assert!(!found.is_null(), "the C library has no `syscall`");
        FOUND.store(found, Ordering::Relaxed);
    }
    // SAFETY: the symbol is the C library's, and this is its type there.
    unsafe { std::mem::transmute::<*mut c_void, Syscall>(found) }
}

/// The C library's `syscall`. There it takes as many arguments as the call has; all of them are words, at most six, and
/// come to where a function with six finds them.
#[expect(unsafe_code, reason = "the symbol must stand in for the C library's")]
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
    if number == SYS_GETRANDOM && ACTIVE.get() {
        // SAFETY: by the contract of this call, `a` is a buffer of `b` bytes that may be written.
        return unsafe { getrandom(std::ptr::with_exposed_provenance_mut(a), b, c as c_uint) as c_long };
    }
    // SAFETY: passed on as it came.
    unsafe { library_syscall()(number, a, b, c, d, e, f) }
}

/// The C library's `clock_gettime`.
#[expect(unsafe_code, reason = "the symbol must stand in for the C library's")]
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, into: *mut Timespec) -> c_int {
    let time = match (ACTIVE.get(), clock) {
        (true, CLOCK_REALTIME) => {
            let true_ms = EPOCH_MS + NOW_NS.get() / 1_000_000;
            let ms = true_ms.saturating_add_signed(skew_ms());
            Timespec { seconds: (ms / 1000) as i64, nanoseconds: (ms % 1000 * 1_000_000) as i64 }
        }
        (true, _) => {
            let ns = NOW_NS.get();
            Timespec { seconds: (ns / 1_000_000_000) as i64, nanoseconds: (ns % 1_000_000_000) as i64 }
        }
        (false, _) => {
            let id = match clock {
                CLOCK_REALTIME => rustix::time::ClockId::Realtime,
                7 => rustix::time::ClockId::Boottime,
                _ => rustix::time::ClockId::Monotonic,
            };
            let now = rustix::time::clock_gettime(id);
            Timespec { seconds: now.tv_sec, nanoseconds: now.tv_nsec }
        }
    };
    // SAFETY: by the contract of `clock_gettime`, `into` may be written.
    unsafe { into.write(time) };
    0
}

/// A simulation gives the program that runs it all of its time; how long that took, by the kernel's clock.
pub fn real_now() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::*;

    /// What a fresh thread with this seed sees.
    fn seen(seed: u64) -> (u64, u64, [u8; 8], Duration, u64) {
        std::thread::spawn(move || {
            enter(seed);
            let hashed = RandomState::new().hash_one(7);
            let drawn = rand::random::<u64>();
            let mut key = [0; 8];
            rustls::crypto::ring::default_provider().secure_random.fill(&mut key).expect("random bytes");
            let before = Instant::now();
            set_now(Duration::from_millis(1500));
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
            (hashed, drawn, key, before.elapsed(), wall)
        })
        .join()
        .expect("no panic")
    }

    #[test]
    fn chance_and_time_follow_from_the_seed() {
        assert_eq!(seen(1), seen(1));
        let (hashed, drawn, key, elapsed, wall) = seen(2);
        let other = seen(1);
        assert!(hashed != other.0 && drawn != other.1 && key != other.2);
        assert_eq!((elapsed, wall), (Duration::from_millis(1500), EPOCH_MS + 1500));
    }

    #[test]
    fn elsewhere_the_kernel_answers() {
        assert_ne!(rand::random::<u128>(), rand::random::<u128>());
        assert!(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64 > EPOCH_MS);
        let before = (Instant::now(), real_now());
        std::thread::yield_now();
        assert!(before.0 <= Instant::now() && before.1 <= real_now());
    }
}
