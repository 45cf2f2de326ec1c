//! One random bit flipped in each kind of file of a node that was killed: it goes on, repairs itself, or refuses with a
//! documented code and words. No thread of it panics, and it never serves a different history.
//!
//! The node holds all that a node can hold: the CA, a log that begins later, its snapshot, an archive, retained states and a blob.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kifu::artifact::whole_log;
use kifu::event::jobs::{ExternalSpec, JobSpec};
use kifu::event::{Hash, JobId, Seq};
use kifu::log::LogReader;
use kifu::node::Layout;
use kifu::node::api::{Client, ClientError, Noun, Request, Response, Target};
use kifu::node::bench::Cluster;
use kifu::node::layout::Runtime;
use kifu::node::retention::Retention;
use kifu::projection::State;
use kifu::replay::{Moment, Retained, RetainedLimits};
use kifu::work::WorkerProgram;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use crate::support::{furnished, get, rounds, seeded};

/// Codes with which a node may refuse what it finds.
const DOCUMENTED: [i32; 5] = [1, 2, 4, 5, 6];
/// What must not keep a node from its work while others are there: all that it can make anew, fetch, or do without. The segment
/// in use is left out: damage at its very end looks like a write that was cut short, and is refused when others know better.
const MENDED: [&str; 5] = ["archive/", "blobs/", "checkpoints/", "log/0", "state/"];
/// What others have, too, so that it makes a difference whether they are there.
const SHARED: [&str; 5] = ["archive", "blobs", "checkpoints", "log", "state"];
/// A log that waits for others says so.
const ASKS_OTHERS: &str = "not repaired yet";
/// What must exist for the attack to be one on every kind of file.
const KINDS: [&str; 7] =
    ["archive/archive.json", "blobs/", "identity/ca.key", "log/0", "log/base", "log/snapshot", "state/"];
/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The node whose files are damaged.
const VICTIM: usize = 0;

/// How a start went.
#[derive(Debug, PartialEq, Eq)]
enum Start {
    /// It serves.
    Runs,
    /// It waits for others, who have what it lacks.
    AsksOthers,
    /// It refused.
    Refused(i32),
}

/// A cluster with one node that holds everything, and what all must agree on.
struct Attack {
    cluster: Cluster,
    folders: Vec<PathBuf>,
    /// Each record at and before `at`, by its bytes.
    history: BTreeMap<Seq, Hash>,
    at: Seq,
    digests: Vec<Value>,
    /// Questions about the past that a damaged node answered.
    answered: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_is_noticed_or_harmless_in_every_file() {
    let mut random = seeded();
    let mut attack = Attack::begin().await;
    // Alone, so that it learns nothing new meanwhile: a copy that is put back must not look older than what it said.
    (0..3).for_each(|index| attack.cluster.fleet.kill(index));
    attack.retain();
    let whole = tempfile::tempdir().unwrap();
    copy(&attack.folders[VICTIM], whole.path());
    for _ in 0..rounds(1).min(10) {
        for file in one_of_each_kind(whole.path(), &mut random) {
            attack.put_back(whole.path());
            let bit = flip(&attack.folders[VICTIM].join(&file), &mut random);
            let start = attack.start(&file, bit, "/healthz").await;
            attack.check(&file, bit, &start).await;
        }
    }
    attack.put_back(whole.path());
    (0..3).for_each(|index| attack.cluster.fleet.start(index).expect("a process"));
    attack.cluster.ready(3).await.expect("the whole copy goes on");
    // With the others, who go on meanwhile, it must mend what can be mended.
    let kept = tempfile::tempdir().unwrap();
    attack.cluster.fleet.kill(VICTIM);
    for _ in 0..rounds(1).min(10) {
        let files = one_of_each_kind(&attack.folders[VICTIM], &mut random);
        for file in files.into_iter().filter(|file| SHARED.iter().any(|kind| file.starts_with(kind))) {
            let path = attack.folders[VICTIM].join(&file);
            let Ok(before) = std::fs::read(&path) else { continue };
            let mended = attack.must_mend(&file);
            attack.keep(kept.path());
            let bit = flip(&path, &mut random);
            let damaged = std::fs::read(&path).unwrap();
            let start = attack.start(&file, bit, "/readyz").await;
            attack.check(&file, bit, &start).await;
            assert!(!mended || start == Start::Runs, "{}: bit {bit}: {start:?}: {}", file.display(), attack.words());
            match start {
                // It said nothing to anybody: nobody knows more of it than the copy.
                Start::Refused(_) => attack.put_back(kept.path()),
                // What it has not written anew is put right, as an operator would do it.
                _ if std::fs::read(&path).is_ok_and(|now| now == damaged) => std::fs::write(&path, before).unwrap(),
                _ => {}
            }
        }
    }
    assert_eq!(attack.start(Path::new("nothing"), 0, "/readyz").await, Start::Runs, "{}", attack.words());
    attack.cluster.ready(3).await.expect("all are there");
    attack.cluster.fleet.stop().expect("they stop in order");
    assert!(attack.answered > 0, "no damaged node ever said anything of the past");
    for folder in &attack.folders {
        attack.compare(folder, &mut |words| panic!("{words}"));
    }
}

impl Attack {
    /// Fills a cluster until its first node has let go of a part of its log, and holds a blob.
    async fn begin() -> Attack {
        let tight = Retention { keep_records: 20, segment_bytes: 64 << 10, every_s: 1, ..Retention::default() };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/example-worker.py").display().to_string();
        let argv = vec!["python3".to_owned(), script];
        let worker = WorkerProgram { name: "wordcount".into(), argv, ..WorkerProgram::default() };
        let cluster = furnished(|config| (config.retention, config.workers) = (Some(tight), vec![worker])).await;
        let folders: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
        let mut attack =
            Attack { cluster, folders, history: BTreeMap::new(), at: Seq(0), digests: vec![], answered: 0 };
        attack.fill().await;
        attack
    }

    async fn fill(&mut self) {
        let counted = r#"{"text": "to be or not to be"}"#;
        self.submit("counted", "wordcount", counted.to_owned()).await;
        let words = format!(r#"{{"words": "{}"}}"#, "x".repeat(3_000));
        let deadline = Instant::now() + PATIENCE;
        let mut number = 0;
        while !self.is_furnished() {
            self.submit(&format!("job-{number}"), "nobody-runs-this", words.clone()).await;
            number += 1;
            assert!(Instant::now() < deadline, "after {number} jobs there is still no {:?}", self.missing());
        }
        let deadline = Instant::now() + PATIENCE;
        while self.at == Seq(0) {
            self.at = Seq(self.cluster.seq(VICTIM).await.unwrap_or(0));
            assert!(Instant::now() < deadline, "it does not answer");
        }
        while self.digests.is_empty() {
            self.digests = self.past(1).await.unwrap_or_default();
            assert!(Instant::now() < deadline, "the other node does not get to {}", self.at);
        }
        let history = &mut self.history;
        let reader = LogReader::open(&self.folders[1].join("log")).expect("a log");
        for record in reader.records(Seq(1)).expect("all of it") {
            let record = record.expect("no damage");
            history.insert(record.seq, Hash::of(record.bytes()));
        }
        history.retain(|seq, _| *seq <= self.at);
    }

    /// Retains a state, as a node does after a hundred thousand records.
    fn retain(&self) {
        let folder = &self.folders[VICTIM];
        let reader = whole_log(&folder.join("log"), Some(&folder.join("archive"))).expect("a log and an archive");
        let mut state = State::new();
        for record in reader.records(Seq(1)).expect("all of it").take(self.at.0 as usize) {
            state.apply(&record.expect("no damage").decode().expect("a known event"));
        }
        let retained = Retained::owned(Layout::new(folder).checkpoints(), RetainedLimits::default());
        retained.expect("a folder").keep(&state).expect("written");
    }

    fn missing(&self) -> Vec<&'static str> {
        let files = files_of(&self.folders[VICTIM]);
        KINDS.into_iter().filter(|kind| !files.iter().any(|file| file.to_string_lossy().starts_with(kind))).collect()
    }

    fn is_furnished(&self) -> bool {
        self.missing().is_empty()
    }

    /// Submits a job, to a cluster that may be without a leader for a moment.
    async fn submit(&self, name: &str, program: &str, params: String) {
        let spec = ExternalSpec { program: program.to_owned(), params, inputs: vec![] };
        let spec = Box::new(JobSpec::External(spec));
        let request = Request::SubmitJob { job: JobId::new(name), spec, priority: 0 };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.ask(VICTIM, &request).await {
                Ok(Response::Done { .. }) => return,
                // An earlier answer was lost.
                Err(ClientError::Refused { message, .. }) if message.contains("exists") => return,
                other => assert!(Instant::now() < deadline, "{name}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks the node of machine `index`, with an identity that nobody damages.
    async fn ask(&self, index: usize, request: &Request) -> Result<Response, ClientError> {
        let mut target = Target::of_this_data_dir(&self.folders[index])?;
        target.identity = self.folders[1].clone().into();
        let client = Client::connect(&target).await?;
        client.ask(request).await
    }

    /// The digests of all projections as they were, if the node can still say.
    async fn past(&self, index: usize) -> Option<Vec<Value>> {
        let ask = Box::new(Request::List { noun: Noun::Digests });
        match self.ask(index, &Request::AsOf { at: Moment::Seq(self.at), ask }).await {
            Ok(Response::Rows { rows, .. }) => Some(rows),
            _ => None,
        }
    }

    fn must_mend(&self, file: &Path) -> bool {
        let segments =
            files_of(&self.folders[VICTIM]).into_iter().filter(|file| file.to_string_lossy().ends_with(".seg"));
        let in_use = segments.max();
        let name = file.to_string_lossy();
        in_use.is_none_or(|last| last != file) && MENDED.iter().any(|kind| name.starts_with(kind))
    }

    /// Copies what the killed node holds.
    fn keep(&self, into: &Path) {
        std::fs::remove_dir_all(into).unwrap();
        copy(&self.folders[VICTIM], into);
    }

    fn put_back(&self, whole: &Path) {
        let folder = &self.folders[VICTIM];
        std::fs::remove_dir_all(folder).unwrap();
        copy(whole, folder);
    }

    /// Starts the damaged node, and waits until it serves, asks others in vain, or ends.
    async fn start(&mut self, file: &Path, bit: usize, ready: &str) -> Start {
        let alone = ready == "/healthz";
        std::fs::remove_file(&self.cluster.fleet.machines[VICTIM].log).ok();
        self.cluster.fleet.start(VICTIM).expect("a process");
        let process = self.cluster.fleet.process(VICTIM).expect("it runs");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some((_, status)) = self.cluster.fleet.ended().into_iter().find(|(index, _)| *index == VICTIM) {
                return Start::Refused(status.code().unwrap_or(-1));
            }
            if alone && self.words().contains(ASKS_OTHERS) {
                return Start::AsksOthers;
            }
            let layout = Layout::new(&self.folders[VICTIM]);
            let runtime: Option<Runtime> = layout.load_json(&layout.runtime()).ok().flatten();
            if let Some(runtime) = runtime.filter(|runtime| runtime.pid == process)
                && get(&runtime.http, ready).await.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return Start::Runs;
            }
            assert!(
                Instant::now() < deadline,
                "{}: bit {bit}: neither ready nor ended: {}",
                file.display(),
                self.words()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn words(&self) -> String {
        std::fs::read_to_string(&self.cluster.fleet.machines[VICTIM].log).unwrap_or_default()
    }

    /// Whether that is how a node may take it, and whether what it says and holds of the past is what everybody knows. Ends it.
    async fn check(&mut self, file: &Path, bit: usize, start: &Start) {
        eprintln!("{}: bit {bit}: {start:?}", file.display());
        if *start == Start::Runs
            && let Some(digests) = self.past(VICTIM).await
        {
            assert_eq!(digests, self.digests, "{}: bit {bit}: another past", file.display());
            self.answered += 1;
        }
        self.cluster.fleet.kill(VICTIM);
        let words = self.words();
        // sled panics on some damaged files; whatever touches it catches that.
        let panics = words.lines().filter(|line| line.contains("panicked at") && !line.contains("/sled-"));
        assert_eq!(panics.count(), 0, "{}: bit {bit}: {words}", file.display());
        if let Start::Refused(code) = start {
            assert!(DOCUMENTED.contains(code), "{}: bit {bit}: {code}: {words}", file.display());
            assert!(words.len() > 20, "{}: bit {bit}: refused without words", file.display());
        }
        // Where a damaged log cannot be read it says so; what can be read is what was written.
        self.compare(&self.folders[VICTIM], &mut |words| eprintln!("  {words}"));
    }

    /// Compares the records that can be read with what is known; `unreadable` hears of the first that cannot.
    fn compare(&self, folder: &Path, unreadable: &mut dyn FnMut(String)) {
        let archive = folder.join("archive");
        let archive = archive.exists().then_some(archive.as_path());
        let checked = || {
            let reader = whole_log(&folder.join("log"), archive).map_err(|error| error.to_string())?;
            for record in reader.records(Seq(1)).map_err(|error| error.to_string())? {
                let record = record.map_err(|error| error.to_string())?;
                let known = self.history.get(&record.seq);
                let found = Hash::of(record.bytes());
                assert!(
                    known.is_none_or(|known| *known == found),
                    "{}: another record {}",
                    folder.display(),
                    record.seq
                );
            }
            Ok::<(), String>(())
        };
        if let Err(words) = checked() {
            unreadable(words);
        }
    }
}

/// A random file of each kind: of files in one folder that differ in their numbers only, one.
fn one_of_each_kind(folder: &Path, random: &mut impl Rng) -> Vec<PathBuf> {
    let mut kinds: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files_of(folder) {
        let name = file.to_string_lossy();
        let parts = name.split('/').map(|part| if is_number(part) { "#" } else { part });
        kinds.entry(parts.collect::<Vec<_>>().join("/")).or_default().push(file.clone());
    }
    kinds.values().filter_map(|files| files.choose(random).cloned()).collect()
}

/// Whether a name is a number or a hash, but for its ending.
fn is_number(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem.len() >= 2 && stem.chars().all(|c| c.is_ascii_hexdigit())
}

/// Flips a random bit of a file, in its used part if it ends in zeros. Returns which.
fn flip(path: &Path, random: &mut impl Rng) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return 0;
    }
    let bit = random.random_range(0..used * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    std::fs::write(path, bytes).unwrap();
    bit
}

/// All files below `folder` that hold anything, by their path there.
fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    list(folder, folder, &mut found);
    found.sort();
    found
}

fn list(root: &Path, folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        // A running node may remove what was just seen.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            list(root, &entry.path(), into);
        } else if metadata.is_file() && metadata.len() > 0 {
            into.push(entry.path().strip_prefix(root).unwrap().to_owned());
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).unwrap()),
        }
    }
}
