//! What was acknowledged, and whether the logs hold it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kifu::event::{Event, Hash, NodeId, Seq};
use kifu::log::LogReader;
use kifu::node::api::notes::Status;
use kifu::node::api::producer::{Opened, Producer};
use kifu::node::api::{Client, Credentials, Target};

/// Notes in a frame.
const FRAME: u64 = 5;
/// How long a node may take to answer before another is asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// A writer that never gives up, and remembers what it was told.
pub struct Oracle {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<(NodeId, u64, u64)>,
}

/// What the writer knows in the end.
pub struct Known {
    /// The producer.
    pub producer: NodeId,
    /// Notes that were acknowledged: 1 to this number.
    pub acknowledged: u64,
    /// Notes that were sent, acknowledged or not.
    pub sent: u64,
}

impl Oracle {
    /// Begins to write to whichever machine leads.
    pub fn start(machines: Vec<PathBuf>) -> Oracle {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn(write(machines, stop.clone(), acknowledged.clone()));
        Oracle { stop, acknowledged, task }
    }

    /// Notes acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until `more` further notes are acknowledged: the cluster works.
    pub async fn progress(&self, more: u64) {
        let goal = self.acknowledged() + more;
        let progress = async {
            while self.acknowledged() < goal {
                assert!(!self.task.is_finished(), "the writer has ended");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), progress).await.expect("the cluster takes writes again");
    }

    /// Ends the writer.
    pub async fn finish(self) -> Known {
        self.stop.store(true, Ordering::SeqCst);
        let (producer, acknowledged, sent) = self.task.await.expect("the writer does not panic");
        Known { producer, acknowledged, sent }
    }
}

async fn write(machines: Vec<PathBuf>, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> (NodeId, u64, u64) {
    let (mut id, mut upto, mut sent) = (None, 0, 0);
    let mut turn = 0;
    while !stop.load(Ordering::SeqCst) {
        turn += 1;
        let Some((_client, mut producer)) = open(&machines[turn % machines.len()], &machines[0], id).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        assert!(producer.last() <= sent, "the log holds {} notes of {sent} that were sent", producer.last());
        id = Some(producer.id());
        let mut next = producer.last() + 1;
        while !stop.load(Ordering::SeqCst) {
            let texts: Vec<String> = (next..next + FRAME).map(|number| format!("note {number}")).collect();
            sent = sent.max(next + FRAME - 1);
            match tokio::time::timeout(PATIENCE, producer.record(&texts)).await {
                Ok(Ok(settled)) if settled.status == Status::All => {
                    assert_eq!(settled.upto, next + FRAME - 1);
                    upto = upto.max(settled.upto);
                    acknowledged.store(upto, Ordering::SeqCst);
                    next += FRAME;
                }
                Ok(Ok(settled)) => {
                    assert_eq!(settled.status, Status::Unknown, "{}", settled.words);
                    eprintln!("notes from {next}: {}", settled.words);
                    break;
                }
                Ok(Err(error)) => {
                    eprintln!("notes from {next}: {error}");
                    break;
                }
                Err(_) => {
                    eprintln!("notes from {next}: no answer");
                    break;
                }
            }
        }
    }
    (id.expect("it was opened once"), upto, sent)
}

/// Opens a producer at `machine`, always as the same operator: nobody goes on with somebody else's producer.
async fn open(machine: &Path, operator: &Path, id: Option<NodeId>) -> Option<(Client, Producer)> {
    let opening = async {
        let mut target = Target::of_this_data_dir(machine).ok()?;
        target.identity = Credentials::Folder(operator.to_owned());
        let client = Client::connect(&target).await.ok()?;
        let opened = match id {
            Some(id) => Producer::resume(&client, "oracle", id).await,
            None => Producer::open(&client, "oracle").await,
        };
        match opened {
            Ok(Opened::Here(producer)) => Some((client, producer)),
            Ok(Opened::Elsewhere { .. }) => None,
            Err(error) => {
                eprintln!("{}: {error}", machine.display());
                None
            }
        }
    };
    tokio::time::timeout(PATIENCE, opening).await.ok().flatten()
}

/// Checks the logs of nodes that were stopped after they had converged against what the writer knows: every acknowledged note once and in order, nothing that
/// was not sent, and the same history on all nodes.
pub fn check(machines: &[PathBuf], known: &Known) {
    let mut histories: Vec<BTreeMap<Seq, Hash>> = vec![];
    for machine in machines {
        let reader = LogReader::open(&machine.join("log")).expect("a log");
        let (mut notes, mut history) = (0, BTreeMap::new());
        for record in reader.records(Seq(1)).expect("a readable log") {
            let record = record.expect("no damage");
            history.insert(record.seq, Hash::of(record.bytes()));
            let decoded = record.decode().expect("a known event");
            if let Event::NoteRecorded(note) = &decoded.draft.event
                && decoded.draft.origin == known.producer
            {
                notes += 1;
                assert_eq!(decoded.draft.origin_seq, notes, "notes lie in order, each once ({})", machine.display());
                assert_eq!(note.text, format!("note {notes}"));
            }
        }
        assert!(notes <= known.sent, "{notes} notes of {} that were sent", known.sent);
        let held = notes >= known.acknowledged;
        assert!(held, "{} holds {notes} of {} acknowledged notes", machine.display(), known.acknowledged);
        histories.push(history);
        eprintln!("{}: {notes} notes", machine.display());
    }
    for (one, other) in histories.iter().zip(histories.iter().skip(1)) {
        for (seq, hash) in one {
            assert!(other.get(seq).is_none_or(|found| found == hash), "histories differ at {seq}");
        }
    }
}
