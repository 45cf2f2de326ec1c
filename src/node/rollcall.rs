//! Before this node takes part, and while it does, it asks the others whether it is the only one of its name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::error::NodeError;
use super::heartbeat::Hearing;
use super::layout::Layout;
use super::runs::HOLD_MS;
use super::standing::Standing;
use crate::event::NodeId;
use crate::log::Log;
use crate::replica::client::Client;
use crate::replica::greeting::{Greeter, Greeting, Run, Welcome};
use crate::replica::{Peers, Replica};

/// How long one round of questions takes at most. Who does not answer by then cannot help now.
const ROUND: Duration = Duration::from_millis(700);
/// Between two rounds while somebody else seems to hold the identity.
const AGAIN: Duration = Duration::from_millis(250);
/// How long a node that holds no log asks when nobody answers. It may have had one, which only the others can know, and it can do nothing
/// without them.
const EMPTY_MAX: Duration = Duration::from_secs(10);
/// A holder that is still heard after this long is alive.
const START_MAX: Duration = Duration::from_millis(3 * HOLD_MS);
/// How often a running node asks.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How often the standing is written while the log grows.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Asks for this node.
pub struct Rollcall {
    /// The data directory.
    pub layout: Layout,
    /// This run.
    pub run: Run,
    /// The incarnation before it.
    pub earlier: u64,
    /// The others.
    pub peers: Arc<Peers>,
    /// This node's log.
    pub log: Log,
    /// How long this run keeps its word to a leader, and how long the last run did, in milliseconds.
    pub leases_ms: (u64, u64),
    failure: Mutex<Option<NodeError>>,
}

impl Rollcall {
    /// Asks nobody yet.
    pub fn new(
        layout: Layout,
        (run, earlier): (Run, u64),
        peers: Arc<Peers>,
        log: Log,
        leases_ms: (u64, u64),
    ) -> Rollcall {
        Rollcall { layout, run, earlier, peers, log, leases_ms, failure: Mutex::default() }
    }

    /// Returns once nobody who can be asked objects to this run. Without anybody to ask it returns after one round; so it does where
    /// nobody answers, unless it holds no log: then it asks for a while.
    ///
    /// Whoever holds the identity comes first: what is missing in a copy of a running node is not lost.
    ///
    /// # Errors
    /// [`NodeError::Copied`] when another process is heard under this identity, [`NodeError::Wiped`] when this node
    /// acknowledged more than it holds.
    pub async fn admit(&self) -> Result<(), NodeError> {
        let begun = Instant::now();
        let (mut first_beats, mut heard, mut deadline) = (BTreeMap::new(), BTreeMap::new(), None);
        loop {
            let others = self.peers.others();
            let is_alone = others.is_empty();
            let answers = join_all(others.into_iter().map(|peer| self.ask(peer))).await;
            let mut held = false;
            for (peer, welcome) in answers.into_iter().flatten() {
                let holder = welcome.holder.filter(|holder| holder.run != self.run);
                heard.insert(peer, welcome);
                let Some(holder) = holder else { continue };
                let deadline = *deadline.get_or_insert_with(|| Instant::now() + START_MAX);
                let before = *first_beats.entry((peer, holder.run.number)).or_insert(holder.beats);
                if holder.beats > before || Instant::now() > deadline {
                    return Err(self.copied(holder.run));
                }
                held |= holder.silent_ms <= HOLD_MS;
            }
            if !held {
                heard.values().try_for_each(|it| Standing::compare(&self.layout, &self.log, self.earlier, it))?;
                let may_wait = heard.is_empty() && !is_alone && self.peers.removed_by().is_none();
                if !may_wait || self.log.last().is_some() || begun.elapsed() > EMPTY_MAX {
                    return Ok(());
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Asks the leader, or another member when this node leads, now and then; notes what this node must hold.
    pub async fn run(self: Arc<Self>, replica: Arc<Replica>, stop: CancellationToken) {
        let mut noted_at = Instant::now();
        let (own_ms, earlier_ms) = self.leases_ms;
        let mut lease_ms = own_ms.max(earlier_ms);
        let mut turn = 0;
        let mut told = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.clone().note_aside(lease_ms).await,
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
            if noted_at.elapsed() >= NOTE_EVERY {
                // By now the word of the last run is over.
                lease_ms = own_ms;
                self.clone().note_aside(lease_ms).await;
                noted_at = Instant::now();
            }
            let others = self.peers.others();
            let leader = replica.leadership().borrow().leader.filter(|leader| others.contains(leader));
            turn += 1;
            let Some(peer) = leader.or_else(|| others.get(turn % others.len().max(1)).copied()) else { continue };
            let Some((_, welcome)) = self.ask(peer).await else { continue };
            if let Some(rival) = welcome.intruder.filter(|rival| *rival != self.run && Some(*rival) != told) {
                tracing::error!(
                    incarnation = rival.incarnation,
                    "another process wanted to run under this node's identity and was refused: a copy of the data \
                     directory is in use elsewhere; stop it, and never start it again"
                );
                told = Some(rival);
            }
            let holder = welcome.holder.filter(|holder| holder.run != self.run && holder.silent_ms <= HOLD_MS);
            if let Some(holder) = holder.filter(|_| welcome.leads) {
                let error = self.copied(holder.run);
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        }
    }

    /// Why this node must stop, if it must.
    pub fn take_failure(&self) -> Option<NodeError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// As [`Rollcall::note`], on a thread of its own: a busy disk must not hold up the control runtime.
    async fn note_aside(self: Arc<Self>, lease_ms: u64) {
        tokio::task::spawn_blocking(move || self.note(lease_ms)).await.ok();
    }

    /// Writes what this node holds now, for its next start.
    fn note(&self, lease_ms: u64) {
        let (incarnation, settled) = (self.run.incarnation, self.log.settled());
        let standing = Standing { incarnation, settled, lease_ms: Some(lease_ms) };
        if let Err(error) = standing.save(&self.layout) {
            tracing::warn!(%error, "the standing was not written: a wiped log may go unnoticed");
        }
    }

    async fn ask(&self, peer: NodeId) -> Option<(NodeId, Welcome)> {
        let mut client = Client::new(peer, self.peers.clone());
        let answer = tokio::time::timeout(ROUND, client.greet(&Greeting { run: self.run }, ROUND)).await.ok()?;
        answer.inspect_err(|error| tracing::debug!(%peer, %error, "no answer to a greeting")).ok().map(|w| (peer, w))
    }

    fn copied(&self, holder: Run) -> NodeError {
        NodeError::Copied { path: self.layout.root().to_owned(), incarnation: holder.incarnation }
    }
}

/// Answers others' rollcalls.
pub struct Doorman {
    /// Who is a voter, and who acknowledged what.
    pub replica: Arc<Replica>,
    /// Who is heard.
    pub hearing: Hearing,
}

impl Greeter for Doorman {
    fn welcome(&self, peer: NodeId, greeting: Greeting) -> Welcome {
        let now = self.hearing.now();
        let holder = self.hearing.with_runs(|runs| runs.claim(peer, greeting.run, now));
        let intruder = self.hearing.with_runs(|runs| runs.rival(peer, now));
        if let Some(holder) = holder.filter(|holder| holder.run != greeting.run && holder.silent_ms <= HOLD_MS) {
            tracing::warn!(node = %peer, holder = holder.run.incarnation, claims = greeting.run.incarnation,
                "a second process claims to be a member that is alive");
        }
        let (voter, acknowledged) = self.replica.standing_of(peer);
        let incarnation = self.replica.fold().read(|state| state.hosts.get(peer).map_or(0, |host| host.incarnation));
        Welcome { incarnation, voter, acknowledged, leads: self.replica.leads(), holder, intruder }
    }
}
