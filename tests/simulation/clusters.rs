//! Many seeds, each in a process of its own, as many at a time as there are cores.

use std::collections::VecDeque;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::plan::LEARNERS;
use crate::report::{Counts, Report};
use crate::run::Scenario;

/// The child's seed.
const SEED: &str = "KIFU_SIMULATE_SEED";
/// The parent's seeds, as `A..B`.
const SEEDS: &str = "KIFU_SIMULATE_SEEDS";
/// Which defect a build with the feature `broken` has.
const BROKEN: &str = "KIFU_BROKEN";
/// Names a run that is not one with faults: see [`Scenario::of`].
const SCENARIO: &str = "KIFU_SIMULATE_SCENARIO";
/// The seed of such runs in the default test suite: three voters, which takes the least time.
pub const CALM_SEED: u64 = 2;
/// Seeds of the default test suite.
const DEFAULT: std::ops::Range<u64> = 1..7;
/// What a child's report begins with.
const MARK: &str = "report: ";

/// One seed, in a process of its own. Does nothing unless a parent, or a person, names the seed.
#[test]
fn one() {
    let Ok(seed) = std::env::var(SEED) else { return };
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let scenario = Scenario::of(&std::env::var(SCENARIO).unwrap_or_default());
    let report = crate::run::run(seed.parse().expect("a number"), scenario);
    println!("{MARK}{}", serde_json::to_string(&report).expect("plain data"));
    // The process ends here: threads and destructors of a stopped simulation are of no use to anybody.
    std::process::exit(i32::from(report.failure.is_some()));
}

/// Runs a seed in a process of its own.
pub fn in_process(seed: u64) -> Report {
    in_process_with(seed, None, Scenario::Chaos)
}

fn in_process_with(seed: u64, defect: Option<&str>, scenario: Scenario) -> Report {
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "clusters::one", "--nocapture", "--test-threads=1"])
        .env(SEED, seed.to_string())
        .env(BROKEN, defect.unwrap_or_default())
        .env(SCENARIO, scenario.name())
        .stdin(Stdio::null())
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&child.stdout);
    let report = text.lines().find_map(|line| line.split_once(MARK)).map(|(_, json)| json);
    report.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_else(|| {
        let said = String::from_utf8_lossy(&child.stderr);
        let last: Vec<_> = said.lines().rev().take(5).collect();
        Report::failed(seed, format!("the process ended with {}: {last:?}", child.status))
    })
}

/// Runs seeds, as many at a time as there are cores. `tell` hears of each, and says whether to go on.
fn each(
    seeds: impl IntoIterator<Item = u64>,
    defect: Option<&str>,
    scenario: Scenario,
    tell: impl Fn(Report) -> bool + Sync,
) {
    let waiting: Mutex<VecDeque<u64>> = Mutex::new(seeds.into_iter().collect());
    let next = || waiting.lock().expect("no panic").pop_front();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    if !tell(in_process_with(seed, defect, scenario)) {
                        waiting.lock().expect("no panic").clear();
                    }
                }
            });
        }
    });
}

/// Runs seeds, and prints a line for each.
fn all(seeds: Vec<u64>) -> Vec<Report> {
    let total = seeds.len();
    let reports: Mutex<Vec<Report>> = Mutex::default();
    let began = Instant::now();
    each(seeds, None, Scenario::Chaos, |report| {
        let mut reports = reports.lock().expect("no panic");
        println!("{}", line(&report, reports.len() + 1, total, began.elapsed()));
        reports.push(report);
        true
    });
    let mut reports = reports.into_inner().expect("no panic");
    reports.sort_by_key(|report| report.seed);
    reports
}

/// The first failure that these seeds meet, in a build with this defect.
#[cfg(feature = "broken")]
pub fn first_failure(seeds: std::ops::Range<u64>, defect: Option<&str>, scenario: Scenario) -> Option<Report> {
    let found: Mutex<Option<Report>> = Mutex::default();
    each(seeds, defect, scenario, |report| {
        let failed = report.failure.is_some();
        if failed {
            found.lock().expect("no panic").get_or_insert(report);
        }
        !failed
    });
    found.into_inner().expect("no panic")
}

fn line(report: &Report, done: usize, total: usize, elapsed: Duration) -> String {
    let Report { seed, voters, learners, failure, trace, simulated_ms, wall_ms, counts } = report;
    let what = match failure {
        None => format!(
            "{voters}+{learners} nodes, {} records, {} leaders, {} starts, trace {trace}",
            counts.records, counts.elections, counts.starts
        ),
        Some(failure) => {
            let asked = std::env::var(LEARNERS).map(|number| format!("{LEARNERS}={number} ")).unwrap_or_default();
            format!("FAILED {failure}\n    again: {asked}tools/simulate --seed {seed}")
        }
    };
    let (simulated, wall) = (*simulated_ms as f64 / 1000.0, *wall_ms as f64 / 1000.0);
    format!("[{done}/{total} {:>4.0} s] seed {seed}: {simulated:.0} s in {wall:.1} s, {what}", elapsed.as_secs_f64())
}

fn summary(reports: &[Report]) -> Counts {
    let mut sum = Counts::default();
    reports.iter().for_each(|report| sum.add(&report.counts));
    println!("in all runs:");
    for (name, count) in sum.rows() {
        println!("{count:>12} {}", name.replace('_', " "));
    }
    sum
}

fn wanted() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var(SEEDS) else { return DEFAULT };
    let (from, to) = text.split_once("..").expect("seeds as A..B");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn every_invariant_holds_in_every_run() {
    if std::env::var(SEED).is_ok() {
        return;
    }
    let reports = all(wanted().collect());
    let sum = summary(&reports);
    let failed: Vec<_> =
        reports.iter().filter_map(|report| report.failure.as_ref().map(|why| (report.seed, why))).collect();
    assert!(failed.is_empty(), "failed; repeat each with `tools/simulate --seed N`: {failed:#?}");
    if reports.len() >= 20 {
        let never: Vec<_> = sum.rows().into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
        assert!(never.is_empty(), "runs in which these never happen prove nothing about them: {never:?}");
    }
}

#[test]
fn a_healthy_leader_goes_on_leading_and_a_minority_that_comes_back_deposes_nobody() {
    if std::env::var(SEED).is_ok() {
        return;
    }
    let report = in_process_with(CALM_SEED, None, Scenario::Calm);
    assert_eq!(report.failure, None, "again: {SCENARIO}=calm tools/simulate --seed {CALM_SEED}");
}

#[test]
fn bulk_on_narrow_links_never_delays_heartbeats_so_long_that_anybody_campaigns() {
    if std::env::var(SEED).is_ok() {
        return;
    }
    let report = in_process_with(CALM_SEED, None, Scenario::Bulk);
    assert_eq!(report.failure, None, "again: {SCENARIO}=bulk tools/simulate --seed {CALM_SEED}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    if std::env::var(SEED).is_ok() {
        return;
    }
    let twice = |seed| (in_process(seed), in_process(seed));
    let mut traces = vec![];
    for seed in [3, 4] {
        let (first, second) = twice(seed);
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.counts, second.counts, "seed {seed}");
        traces.push(first.trace);
    }
    assert_ne!(traces[0], traces[1], "another seed, another run");
}
