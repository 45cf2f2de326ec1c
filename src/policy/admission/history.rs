//! What hosts say of their part of the history.

use super::Refusal;
use super::text::clip;
use crate::event::NodeId;
use crate::event::command::{ReportArchive, ReportRepair};
use crate::event::history::LogRepaired;
use crate::policy::view::Decision;
use crate::projection::State;

/// `LOG_REPAIRED`. The host has checked what it installed; nobody else can.
pub(super) fn repaired(state: &State, origin: NodeId, command: &ReportRepair) -> Result<Vec<Decision>, Refusal> {
    let LogRepaired { host, segment, first_index, last_index, first_seq, last_seq, reason, source } =
        command.repair.clone();
    if origin != host {
        return Err(Refusal::NotYours { origin, host });
    }
    if !state.hosts.is_member(source) {
        return Err(Refusal::NotAMember { node: source });
    }
    let (segment, reason) = (clip(&segment), clip(&reason));
    let event = LogRepaired { host, segment, first_index, last_index, first_seq, last_seq, reason, source };
    Ok(vec![Decision::new(event, [])])
}

/// `HISTORY_ARCHIVED`. The host has read the copy back; nobody else can.
pub(super) fn archived(origin: NodeId, command: &ReportArchive) -> Result<Vec<Decision>, Refusal> {
    let archived = command.archived.clone();
    if origin != archived.host {
        return Err(Refusal::NotYours { origin, host: archived.host });
    }
    Ok(vec![Decision::new(archived, [])])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Kind;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::samples::sample;
    use crate::event::{Command, Seq};
    use crate::policy::testing::{Given, joined};

    fn report(host: u64, source: u64) -> Command {
        let repair = LogRepaired {
            host: NodeId(host),
            segment: "00000000000000000000.seg".into(),
            first_index: 0,
            last_index: 9,
            first_seq: Seq(1),
            last_seq: Seq(12),
            reason: "checksum mismatch".into(),
            source: NodeId(source),
        };
        Command::ReportRepair(ReportRepair { repair })
    }

    #[test]
    fn a_host_reports_its_own_archive() {
        let crate::event::Event::HistoryArchived(sample) = sample(Kind::HistoryArchived) else { panic!("its sample") };
        let archived = crate::event::history::HistoryArchived { host: NodeId(1), ..sample };
        let report = || Command::ReportArchive(ReportArchive { archived: archived.clone() });
        let given = Given::events([joined(1), joined(2)]).and(ClusterVersionRaised { from: 1, to: 2 });
        given.clone().when(1, report()).then_kinds(&["HISTORY_ARCHIVED"]);
        given.when(2, report()).refused("not_yours");
    }

    #[test]
    fn a_host_reports_its_own_repairs_from_members() {
        let given = Given::events([joined(1), joined(2)]).and(ClusterVersionRaised { from: 1, to: 2 });
        given.clone().when(1, report(1, 2)).then_kinds(&["LOG_REPAIRED"]);
        given.clone().when(2, report(1, 2)).refused("not_yours");
        given.when(1, report(1, 7)).refused("not_a_member");
    }
}
