//! Runs a target: case after case, under a watch for panics, memory and time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::allocator::peak;
use crate::mutate::mutate;

/// Cases of a target, unless the environment says otherwise.
const CASES: u64 = 1_000;
/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Decodes; if that succeeds, encodes what was decoded.
pub type Decode = Box<dyn Fn(&[u8]) -> Option<Vec<u8>>>;

/// A decoder under test.
pub struct Target {
    /// Its name, and that of its test.
    pub name: &'static str,
    /// Valid inputs. Each must be accepted.
    pub samples: Vec<Vec<u8>>,
    /// The decoder.
    pub decode: Decode,
    /// Makes checksums right again, so that a change gets past them.
    pub mend: Option<fn(&mut [u8])>,
    /// The most memory for an input of so many bytes.
    pub bytes_max: fn(usize) -> usize,
}

impl Target {
    /// A target without checksums, with room for 64 times its input and a mebibyte.
    pub fn new(
        name: &'static str,
        samples: Vec<Vec<u8>>,
        decode: impl Fn(&[u8]) -> Option<Vec<u8>> + 'static,
    ) -> Target {
        Target { name, samples, decode: Box::new(decode), mend: None, bytes_max: |length| 64 * length + (1 << 20) }
    }

    /// The same target with checksums to mend.
    pub fn mended(self, mend: fn(&mut [u8])) -> Target {
        Target { mend: Some(mend), ..self }
    }

    /// Runs all cases.
    pub fn run(self) {
        for (number, sample) in self.samples.iter().enumerate() {
            let accepted = (self.decode)(sample);
            assert!(accepted.is_some(), "{}: sample {number} is not accepted", self.name);
        }
        let (seed, cases) = (setting("KIFU_FUZZ_SEED").unwrap_or(1), setting("KIFU_FUZZ_CASES").unwrap_or(CASES));
        let watch = Watch::start(self.name, seed);
        match setting("KIFU_FUZZ_ONLY") {
            Some(only) => {
                self.case(seed, only, &watch);
            }
            None => {
                let accepted = (0..cases).filter(|number| self.case(seed, *number, &watch)).count();
                assert!(accepted as u64 <= cases);
            }
        }
    }

    /// Runs one case. True when the input was accepted.
    fn case(&self, seed: u64, number: u64, watch: &Watch) -> bool {
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ crc32c::crc32c(self.name.as_bytes()) as u64);
        rng.set_stream(number);
        let mut input = mutate(&self.samples, &mut rng);
        if let Some(mend) = self.mend.filter(|_| rng.random_ratio(3, 4)) {
            mend(&mut input);
        }
        watch.begin(number);
        let outcome = catch_unwind(AssertUnwindSafe(|| peak(|| self.check(&input))));
        let again = || format!("KIFU_FUZZ_SEED={seed} KIFU_FUZZ_ONLY={number} cargo test --test fuzz {}", self.name);
        match outcome {
            Err(_) => panic!("the decoder panicked; again with: {}", again()),
            Ok((Err(problem), _)) => panic!("{problem}; again with: {}", again()),
            Ok((Ok(accepted), bytes)) => {
                let bytes_max = (self.bytes_max)(input.len());
                assert!(
                    bytes <= bytes_max,
                    "{bytes} bytes of memory for an input of {}, at most {bytes_max} are allowed; again with: {}",
                    input.len(),
                    again()
                );
                accepted
            }
        }
    }

    /// What is accepted reads back as it is written again.
    fn check(&self, input: &[u8]) -> Result<bool, String> {
        let Some(first) = (self.decode)(input) else { return Ok(false) };
        match (self.decode)(&first) {
            None => Err("it does not accept what it wrote itself".to_owned()),
            Some(second) if second != first => Err("it reads back something else than it wrote".to_owned()),
            Some(_) => Ok(true),
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Ends the process, with the case's name, when a case does not end.
struct Watch {
    /// The case that runs; counts on with each.
    beats: Arc<AtomicU64>,
    _alive: Arc<Mutex<()>>,
}

impl Watch {
    fn start(name: &'static str, seed: u64) -> Watch {
        let (beats, alive) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(())));
        let (seen, still) = (beats.clone(), Arc::downgrade(&alive));
        std::thread::spawn(move || {
            let mut last = u64::MAX;
            while still.upgrade().is_some() {
                let now = seen.load(Ordering::Relaxed);
                if now == last {
                    let only = now.saturating_sub(1);
                    let again = format!("KIFU_FUZZ_SEED={seed} KIFU_FUZZ_ONLY={only} cargo test --test fuzz {name}");
                    // Nobody catches a panic of this thread, and the thread that hangs cannot be stopped.
                    #[allow(clippy::print_stderr)]
                    {
                        eprintln!("{name} hangs; again with: {again}");
                    }
                    std::process::exit(101);
                }
                last = now;
                std::thread::sleep(PATIENCE);
            }
        });
        Watch { beats, _alive: alive }
    }

    fn begin(&self, number: u64) {
        self.beats.store(number + 1, Ordering::Relaxed);
    }
}

#[test]
fn the_harness_finds_a_panic_a_lie_and_a_waste_of_memory() {
    let samples = || vec![vec![1, 2, 3, 4, 5, 6, 7, 8]];
    let fails = |decode: fn(&[u8]) -> Option<Vec<u8>>| {
        let target = Target::new("on_purpose", samples(), decode);
        let watch = Watch::start("on_purpose", 1);
        catch_unwind(AssertUnwindSafe(|| (0..500).filter(|number| target.case(1, *number, &watch)).count())).is_err()
    };
    assert!(fails(|bytes| Some(vec![bytes[7]])), "an index out of bounds");
    assert!(fails(|bytes| Some(bytes.iter().map(|byte| byte.wrapping_add(1)).collect())), "never the same twice");
    let wastes = |bytes: &[u8]| Some(std::hint::black_box(vec![1; 8 << 20])).map(|_| bytes.to_vec());
    assert!(fails(wastes), "memory");
    assert!(!fails(|bytes| Some(bytes.to_vec())), "nothing is wrong with this one");
}
