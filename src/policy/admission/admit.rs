//! The one gate for commands.

use super::{
    Refusal, artifacts, claims, cluster, config, history, identity, leases, members, notes, restore, results,
    submissions,
};
use crate::broken::{self, Defect};
use crate::event::{Command, Millis, Proposal};
use crate::policy::upgrade;
use crate::policy::view::Decision;
use crate::projection::State;

/// Checks a proposal against the state and the leader's clock. Nothing to record is fine: no decisions, and the
/// proposal's number is not used up.
///
/// # Errors
/// [`Refusal`]; [`Refusal::Duplicate`] means that it was admitted before.
pub fn admit(state: &State, proposal: &Proposal, now: Millis) -> Result<Vec<Decision>, Refusal> {
    let (origin, origin_seq) = (proposal.origin, proposal.origin_seq);
    let last = state.dedupe.last(origin);
    if origin_seq != 0 && origin_seq <= last && !broken::has(Defect::Dedupe) {
        return Err(Refusal::Duplicate { origin, origin_seq, last });
    }
    let producer = state.producers.get(origin).is_some() && matches!(proposal.command, Command::RecordNote(_));
    if producer {
        notes::check_number(origin, origin_seq, last)?;
    }
    let open_to_strangers = producer
        || matches!(
            proposal.command,
            Command::CreateCluster(_) | Command::FoundCluster(_) | Command::RestoreCluster(_) | Command::JoinNode(_)
        );
    if !open_to_strangers && !state.hosts.is_member(origin) {
        return Err(Refusal::NotAMember { node: origin });
    }
    let mut decisions = match &proposal.command {
        Command::CreateCluster(command) => cluster::create(state, origin, &command.clone().into()),
        Command::FoundCluster(command) => cluster::create(state, origin, command),
        Command::RestoreCluster(command) => restore::restore(state, origin, command),
        Command::CreateToken(command) => cluster::create_token(state, command, now),
        Command::JoinNode(command) => cluster::join(state, origin, command, now),
        Command::ClaimJobs(command) => claims::claim(state, origin, command, now),
        Command::StartJob(command) => leases::start(state, origin, command),
        Command::ReportProgress(command) => leases::progress(state, origin, command, now),
        Command::CompleteJob(command) => results::complete(state, origin, command),
        Command::FailJob(command) => leases::fail(state, origin, command),
        Command::SubmitJob(command) => submissions::submit(state, command),
        Command::VerifyArtifact(command) => artifacts::verify(state, origin, command),
        Command::LoseArtifact(command) => artifacts::lose(state, origin, command),
        Command::ReportDivergence(command) => cluster::report_divergence(state, origin, command),
        Command::ChangeConfig(command) => config::change(state, &command.clone().into()),
        Command::Configure(command) => config::change(state, command),
        Command::RegisterProducer(command) => notes::register(state, command),
        Command::RecordNote(command) => notes::record(state, origin, command),
        Command::RequestJob(command) => submissions::request(state, command),
        Command::RenewCertificate(command) => identity::renew(state, command, now),
        Command::CreateApiToken(command) => identity::create_api_token(state, command, now),
        Command::ReportRepair(command) => history::repaired(state, origin, command),
        Command::ReportArchive(command) => history::archived(origin, command),
        Command::RevokeApiToken(command) => identity::revoke_api_token(state, command),
        Command::ChangeRoles(command) => members::change_roles(state, command),
        Command::RemoveMember(command) => members::remove(state, command, now),
        Command::ConfigureMembership(command) => members::configure(state, command),
        Command::TransferLeadership(command) => members::transfer(state, command),
        Command::MoveMember(command) => members::moved(state, origin, command),
    }?;
    if let Some(newer) = upgrade::unreadable(state, decisions.iter().map(|decision| &decision.event)) {
        let (kind, needed) = (newer.kind(), newer.needs());
        return Err(Refusal::NeedsUpgrade { kind, needed, version: state.membership.version() });
    }
    for decision in &mut decisions {
        for cause in &proposal.caused_by {
            if *cause <= state.seq && !decision.caused_by.contains(cause) {
                decision.caused_by.push(*cause);
            }
        }
    }
    Ok(decisions)
}

#[cfg(test)]
mod tests {
    use crate::event::Command;
    use crate::event::command::{Configure, CreateToken};
    use crate::event::{Hash, TokenId, samples};
    use crate::policy::testing::{Given, joined};
    use crate::projection::testing::record;

    fn token() -> Command {
        let (token, secret) = (TokenId::new("t"), Hash::of(b"secret"));
        Command::CreateToken(CreateToken { token, secret, ttl_ms: 1_000, actor: "ada".into() })
    }

    #[test]
    fn a_repeated_proposal_is_already_admitted() {
        let mut given = Given::events([joined(1)]);
        let mut admitted = record(2, samples::sample(crate::event::Kind::TokenCreated));
        admitted.draft.origin_seq = 5;
        given.state.apply(&admitted);
        for repeat in [1, 5] {
            given.clone().when_numbered(1, repeat, token()).refused("duplicate");
        }
        given.clone().when_numbered(1, 6, token()).then_kinds(&["TOKEN_CREATED"]);
        given.when_numbered(1, 0, token()).then_kinds(&["TOKEN_CREATED"]);
    }

    #[test]
    fn strangers_can_only_join() {
        Given::events([joined(1)]).when(9, token()).refused("not_a_member");
        let config = Configure { config: samples::config(), actor: "eve".into() };
        Given::events([joined(1)]).when(9, config.into()).refused("not_a_member");
    }
}
