//! What all machines of a run share, and what lies outside of them: the network, the oracle, the counts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::bulk::Blobs;
use crate::machine::Machine;
use crate::net::Net;
use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::report::Counts;
use crate::trace::Trace;

/// A run's world.
pub struct World {
    pub plan: Plan,
    pub machines: Vec<Arc<Machine>>,
    pub net: Arc<Net>,
    pub blobs: Blobs,
    oracle: Mutex<Oracle>,
    counts: Arc<Mutex<Counts>>,
    trace: Arc<Mutex<Trace>>,
    /// All machines are members.
    pub founded: AtomicBool,
    /// Clients are at work.
    pub load: AtomicBool,
    /// Operators change the membership.
    pub operators: AtomicBool,
}

impl World {
    pub fn new(plan: Plan, machines: Vec<Arc<Machine>>) -> World {
        let (counts, trace) = (Arc::default(), Arc::<Mutex<Trace>>::default());
        let net = Arc::new(Net::new(plan.seed, plan.machines(), plan.loss, Arc::clone(&counts), trace.clone()));
        let (founded, load, operators) = (AtomicBool::new(false), AtomicBool::new(true), AtomicBool::new(true));
        let (blobs, oracle) = (Blobs::default(), Mutex::default());
        World { plan, machines, net, blobs, oracle, counts, trace, founded, load, operators }
    }

    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.oracle.lock().expect("no panic")
    }

    /// Counts something.
    pub fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().expect("no panic"));
    }

    pub fn counts(&self) -> Counts {
        self.counts.lock().expect("no panic").clone()
    }

    pub fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().expect("no panic")
    }

    pub fn is_founded(&self) -> bool {
        self.founded.load(Ordering::Relaxed)
    }

    pub fn is_loaded(&self) -> bool {
        self.load.load(Ordering::Relaxed)
    }

    pub fn is_operated(&self) -> bool {
        self.operators.load(Ordering::Relaxed)
    }
}
