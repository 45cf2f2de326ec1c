//! A machine: what survives a crash of its node.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kifu::event::{Hash, NodeId, Seq};
use kifu::log::{Crash, LogDisk, SimDisk};
use kifu::net::{Authority, Identity, Role, SecretKey, Validity};
use kifu::projection::{Checkpoints, ProjectionError, State};
use kifu::replica::machine::RaftCheckpoint;
use kifu::replica::{Member, Peers, Replica, Timing};
use kifu::work::Outbox;
use kifu::work::outbox::SimShelf;
use tokio::runtime::Id;

use crate::dice::Dice;
use crate::net::address_of;
use crate::os::EPOCH_MS;

/// A machine of the cluster.
pub struct Machine {
    pub index: usize,
    pub name: String,
    pub timing: Timing,
    authority: Arc<Authority>,
    pub state: Mutex<MachineState>,
}

/// What changes about a machine.
pub struct MachineState {
    /// Who it is, as a member.
    pub identity: Identity,
    /// How often it was set up anew: a member that was removed comes back as somebody else.
    pub generation: u64,
    /// Whether an operator still has to let it in.
    pub joining: bool,
    pub disk: SimDisk,
    pub shelf: SimShelf,
    pub checkpoints: SimCheckpoints,
    /// Its last start, as `node.toml`'s neighbour keeps it.
    pub incarnation: u64,
    /// How wrong its wall clock is.
    pub skew_ms: i64,
    /// How long its disk takes to sync, from … to milliseconds.
    pub pace_ms: (u64, u64),
    /// The runtime of the node that runs now.
    pub runtime: Option<Id>,
    /// Whom the node shall ask to lead in its place, if it leads.
    pub hand_over_to: Option<NodeId>,
    pub status: Status,
    /// Whether it hears its leader, or as the leader is answered by a quorum.
    pub in_touch: bool,
    pub live: Option<Arc<Live>>,
}

/// How it stands with a machine's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does not run.
    Off,
    /// It runs.
    On,
    /// It has stopped itself.
    Stopped(String),
    /// It would not start.
    Refused(String),
    /// It was told that it is no member any more.
    Removed,
}

/// A node that runs.
pub struct Live {
    /// The number of this start among all of the run.
    pub start: u64,
    /// Whose life this is.
    pub node: NodeId,
    pub replica: Arc<Replica>,
    pub outbox: Arc<Outbox>,
    pub peers: Arc<Peers>,
}

impl Live {
    /// Whether it leads, as far as it knows.
    pub fn leads(&self) -> bool {
        self.replica.leadership().borrow().leader == Some(self.node)
    }

    /// Whether it is a member, as far as it knows.
    pub fn is_member(&self) -> bool {
        self.replica.fold().read(|state| state.hosts.is_member(self.node))
    }
}

impl Machine {
    pub fn new(index: usize, timing: Timing, skew_ms: i64, authority: Arc<Authority>) -> Machine {
        let name = format!("n{}", index + 1);
        let state = MachineState {
            identity: identity(&authority, &name, 0),
            generation: 0,
            // The first makes the cluster.
            joining: index > 0,
            disk: SimDisk::new(),
            shelf: SimShelf::new(),
            checkpoints: SimCheckpoints::default(),
            incarnation: 0,
            skew_ms,
            pace_ms: (0, 3),
            runtime: None,
            hand_over_to: None,
            status: Status::Off,
            in_touch: false,
            live: None,
        };
        Machine { index, name, timing, authority, state: Mutex::new(state) }
    }

    /// Who it is now, as a member.
    pub fn node(&self) -> NodeId {
        self.with(|state| state.identity.node())
    }

    /// Sets the machine up anew, with nothing on its disk and a key of its own: whoever was removed never returns.
    pub fn set_up_anew(&self) {
        self.with(|state| {
            state.generation += 1;
            state.identity = identity(&self.authority, &self.name, state.generation);
            state.joining = true;
            (state.disk, state.shelf, state.checkpoints) = (SimDisk::new(), SimShelf::new(), SimCheckpoints::default());
            state.incarnation = 0;
        });
    }

    /// Changes or reads what changes.
    pub fn with<T>(&self, look: impl FnOnce(&mut MachineState) -> T) -> T {
        look(&mut self.state.lock().expect("no panic"))
    }

    pub fn live(&self) -> Option<Arc<Live>> {
        self.with(|state| state.live.clone())
    }

    pub fn member(&self) -> Member {
        Member { name: self.name.clone(), address: address_of(self.index).to_string() }
    }

    /// Replaces what is durable by what is found after a crash of this kind, and forgets what ran.
    pub fn crash(&self, crash: Crash, dice: &mut Dice) -> Option<Arc<Live>> {
        let keep_cached = match crash {
            Crash::KeepAll => true,
            Crash::LoseAll => false,
            _ => dice.chance(0.5),
        };
        self.with(|state| {
            state.disk = state.disk.crashed(crash);
            state.shelf = state.shelf.crashed(keep_cached);
            state.checkpoints = state.checkpoints.crashed(keep_cached);
            state.status = Status::Off;
            state.runtime = None;
            state.live.take()
        })
    }

    /// Flips a bit somewhere in a segment of the log, but not in its last frame: damage there looks like a write that was
    /// cut short, and nothing on the disk could tell the one from the other. Returns the file and its bytes before.
    pub fn flip_bit(&self, dice: &mut Dice) -> Option<(String, Vec<u8>)> {
        self.with(|state| {
            let mut names = state.disk.list().expect("readable");
            names.retain(|name| name.ends_with(".seg"));
            if names.is_empty() {
                return None;
            }
            let name = dice.pick(&names).clone();
            let before = state.disk.bytes_of(&name)?;
            let (at, bit) = (dice.number(0, last_frame(&before)) as usize, dice.number(0, 8));
            let mut after = before.clone();
            after[at] ^= 1 << bit;
            state.disk.put(&name, after);
            Some((name, before))
        })
    }
}

/// Who a machine is after it was set up anew so often. The keys are the same in every run: a node's id follows from its key.
fn identity(authority: &Authority, name: &str, generation: u64) -> Identity {
    let mut der = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").expect("PKCS#8 of Ed25519");
    let seed = if generation == 0 { name.to_owned() } else { format!("{name} {generation}") };
    der.extend_from_slice(blake3::hash(seed.as_bytes()).as_bytes());
    let key = SecretKey::from_pkcs8(&der).expect("a key");
    let validity = Validity::starting(kifu::event::Millis(EPOCH_MS), Duration::from_secs(86_400));
    let certificate = authority.issue(&key.public(), name, Role::Node, validity).expect("a certificate");
    Identity::new(authority.certificate().clone(), certificate, key).expect("an identity")
}

/// Where the last frame of a segment begins (see `docs/format.md`).
fn last_frame(segment: &[u8]) -> u64 {
    let (mut last, mut at) = (128, 128);
    while let Some(length) = segment.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 {
            break;
        }
        last = at;
        at += 8 + length;
    }
    last as u64
}

/// The cluster of all simulations, as its logs name it.
pub fn cluster() -> Hash {
    Hash::of(b"simulation")
}

/// A state and its note, as bytes.
type Kept = (Vec<u8>, Vec<u8>);

/// Checkpoints in memory. sled promises no more than this: after a crash there is one of the last two.
#[derive(Clone, Default)]
pub struct SimCheckpoints {
    kept: Arc<Mutex<[Option<Kept>; 2]>>,
}

impl SimCheckpoints {
    fn crashed(&self, keep_last: bool) -> SimCheckpoints {
        let [last, before] = self.kept.lock().expect("no panic").clone();
        let found = if keep_last { last } else { before };
        SimCheckpoints { kept: Arc::new(Mutex::new([found.clone(), found])) }
    }

    /// The state to begin with, as a node finds it: the checkpoint, unless it is ahead of the log.
    pub fn begin(&self, last: Seq) -> (State, RaftCheckpoint, bool) {
        let kept = self.kept.lock().expect("no panic")[0].clone();
        let found = kept.and_then(|(snapshot, note)| {
            let state = State::restore(&snapshot).expect("own snapshot");
            (state.seq <= last).then(|| (state, serde_json::from_slice(&note).expect("own note"), true))
        });
        found.unwrap_or_default()
    }
}

impl Checkpoints for SimCheckpoints {
    fn save(&mut self, state: &mut State, note: &[u8]) -> Result<(), ProjectionError> {
        let mut kept = self.kept.lock().expect("no panic");
        kept.swap(0, 1);
        kept[0] = Some((state.snapshot(), note.to_vec()));
        Ok(())
    }

    fn load(&self) -> Result<Option<State>, ProjectionError> {
        let kept = self.kept.lock().expect("no panic")[0].clone();
        kept.map(|(snapshot, _)| State::restore(&snapshot)).transpose()
    }

    fn note(&self) -> Result<Option<Vec<u8>>, ProjectionError> {
        Ok(self.kept.lock().expect("no panic")[0].clone().map(|(_, note)| note))
    }
}
