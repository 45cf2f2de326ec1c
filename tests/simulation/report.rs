//! What happened in a run, in numbers. A run without faults would prove nothing, so the numbers are part of the result.

use serde::{Deserialize, Serialize};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often everything happened.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// Adds another run's counts.
            pub fn add(&mut self, other: &Counts) {
                $(self.$name += other.$name;)*
            }

            /// Name and number of each.
            pub fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counts! {
    /// Packets sent.
    packets,
    /// Packets that a cut link swallowed.
    packets_cut,
    /// Packets lost by chance.
    packets_lost,
    /// Packets that arrived twice.
    packets_twice,
    /// Packets that came late.
    packets_late,
    /// Partitions into two groups.
    splits,
    /// Links cut in one direction only.
    one_way_cuts,
    /// Single pairs cut off from one another.
    partial_cuts,
    /// Machines that lost their power at once.
    crashes,
    /// Times when the whole cluster did.
    blackouts,
    /// Machines whose power failed in the midst of a write.
    power_cuts,
    /// Processes that were killed on machines that lived on.
    kills,
    /// Syncs that failed.
    sync_failures,
    /// Nodes that stopped themselves because of their disk.
    stopped_by_disk,
    /// Times when a disk was full.
    full_disks,
    /// Times when a disk was slow.
    slow_disks,
    /// Bits flipped while a machine was off.
    flips,
    /// Starts that the log refused because of damage.
    flips_refused,
    /// Torn tails that a start cut off.
    torn_tails,
    /// Machines that came back with fewer entries than they had written.
    suffixes_lost,
    /// Clocks that jumped.
    clock_jumps,
    /// Leaders that were asked to hand over.
    transfers,
    /// Commands about the membership that the leader has admitted.
    operations,
    /// Members whose role an operator changed.
    roles_changed,
    /// Seats that were given to learners because they were free.
    seats_filled,
    /// Voters that lost their seat because there were too many.
    seats_closed,
    /// Voters that were gone for good and whose seat went to a learner.
    voters_replaced,
    /// Members that were removed.
    members_removed,
    /// Machines that joined again, as somebody else.
    members_rejoined,
    /// Steps of Raft's membership in which two sets of voters had to agree.
    joint_steps,
    /// Changes of who votes that came to their end after the founding.
    memberships_changed,
    /// Starts of a node.
    starts,
    /// Leaders elected.
    elections,
    /// Logs that were cut back by a new leader.
    truncations,
    /// Logs that let go of their beginning.
    trims,
    /// Snapshots that a member took over from its leader.
    snapshots_installed,
    /// Starts from a checkpoint of the projections.
    from_checkpoint,
    /// Records committed.
    records,
    /// Proposals that were stored in an outbox.
    pushed,
    /// Proposals that were admitted.
    admitted,
    /// Proposals that were admitted before.
    repeated,
    /// Proposals that were refused.
    refused,
    /// Proposals whose fate nobody could tell at first.
    unknown,
    /// Reads of whatever a node has folded.
    reads_local,
    /// Reads for which the leader trusted its lease.
    reads_lease,
    /// Reads for which the leader asked a quorum.
    reads_linearizable,
    /// Reads of the last two kinds from nodes that did not lead.
    reads_by_followers,
    /// States of different nodes at the same position that were compared.
    digests_compared,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub seed: u64,
    pub voters: usize,
    pub learners: usize,
    /// What was violated; none when all held.
    pub failure: Option<String>,
    /// The hash of everything that happened.
    pub trace: String,
    /// Simulated time.
    pub simulated_ms: u64,
    /// Time that the run took.
    pub wall_ms: u64,
    pub counts: Counts,
}

impl Report {
    /// A run that did not come to an end.
    pub fn failed(seed: u64, failure: String) -> Report {
        let (trace, counts) = (String::new(), Counts::default());
        Report { seed, voters: 0, learners: 0, failure: Some(failure), trace, simulated_ms: 0, wall_ms: 0, counts }
    }
}
