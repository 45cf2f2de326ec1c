//! What a seed means: how many nodes, how good their network, how their clocks and disks are.

use std::time::Duration;

use kifu::replica::Timing;

use crate::dice::Dice;

/// A run, as far as it is settled before it begins.
pub struct Plan {
    pub seed: u64,
    /// Machines that vote.
    pub voters: usize,
    /// Machines that only follow.
    pub learners: usize,
    /// Messages take from … to so many milliseconds, most of them little more than the least.
    pub latency_ms: (u64, u64),
    /// How long faults happen. Then all is healed, and the cluster has to find together.
    pub chaos: Duration,
    /// The share of messages that get lost in the best of times.
    pub loss: f64,
    /// Election timing of each machine: their timers do not run at the same speed.
    pub timings: Vec<Timing>,
    /// How wrong each machine's wall clock is at first.
    pub skews_ms: Vec<i64>,
    /// Between two proposals of a machine.
    pub load_every_ms: u64,
    /// Entries that each machine keeps at least; all of them in half of the runs.
    pub keep_entries: Option<u64>,
    /// Notes of the load are no longer than this.
    pub note_bytes_max: u64,
    /// The links will be narrow and full: see [`crate::bulk`].
    pub narrow: bool,
}

/// Names the number of learners, where it is not the seed's: to see a cluster as large as it may get.
pub const LEARNERS: &str = "KIFU_SIMULATE_LEARNERS";

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let mut dice = Dice::new(seed, "plan");
        let voters = *dice.pick(&[3, 3, 5, 5, 7]);
        let drawn = dice.number(0, 3) as usize;
        let learners = std::env::var(LEARNERS).map_or(drawn, |number| number.parse().expect("a number"));
        let machines = voters + learners;
        let slow = dice.chance(0.2);
        let base = if slow { Timing::WAN } else { Timing::LAN };
        let timings = (0..machines).map(|_| skewed(base, dice.real(0.8, 1.25))).collect();
        let skews_ms = (0..machines).map(|_| dice.number(0, 10_000) as i64 - 5_000).collect();
        let latency_ms = if slow { (20, dice.number(25, 40)) } else { (1, dice.number(2, 10)) };
        let loss = if dice.chance(0.5) { 0.0 } else { dice.real(0.0, 0.01) };
        let (chaos, load_every_ms) = (Duration::from_secs(44), dice.number(40, 200));
        // Dice of their own: a run without is as it was before there was retention.
        let mut retention = Dice::new(seed, "retention");
        let keep_entries = retention.chance(0.5).then(|| retention.number(10, 100));
        let (note_bytes_max, narrow) = (200, false);
        Plan {
            seed,
            voters,
            learners,
            latency_ms,
            chaos,
            loss,
            timings,
            skews_ms,
            load_every_ms,
            keep_entries,
            note_bytes_max,
            narrow,
        }
    }

    /// The same, without learners (so that no seat changes hands), and with nothing that loses packets or entries.
    pub fn without_faults(seed: u64) -> Plan {
        Plan { learners: 0, loss: 0.0, keep_entries: None, ..Plan::of(seed) }
    }

    /// Without faults, but with links that are too narrow for the load, in one place: there a follower is
    /// least patient.
    pub fn with_narrow_links(seed: u64) -> Plan {
        let plan = Plan::without_faults(seed);
        let mut dice = Dice::new(seed, "narrow");
        let timings = plan.timings.iter().map(|_| skewed(Timing::LAN, dice.real(0.8, 1.25))).collect();
        Plan { timings, latency_ms: (1, 3), load_every_ms: 100, note_bytes_max: 8_000, narrow: true, ..plan }
    }

    /// A cluster without faults that is not complete by then never will be: members are added one after the other.
    pub fn founded_within(&self) -> Duration {
        Duration::from_secs(20) + Duration::from_secs(1) * self.learners as u32
    }

    pub fn machines(&self) -> usize {
        self.voters + self.learners
    }
}

fn skewed(timing: Timing, speed: f64) -> Timing {
    let scale = |ms: u64| (ms as f64 * speed) as u64;
    Timing {
        heartbeat_ms: scale(timing.heartbeat_ms),
        election_min_ms: scale(timing.election_min_ms),
        election_max_ms: scale(timing.election_max_ms),
    }
}
