//! The operators: they let machines in, and change who belongs to the cluster and who votes, while everything else goes wrong.
//! What they ask for goes through the leader's admission; policies and Raft make of it what they can.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kifu::event::command::{ChangeRoles, ConfigureMembership, CreateToken, JoinNode, RemoveMember};
use kifu::event::membership::MembershipConfig;
use kifu::event::{Command, NodeId, TokenId};
use kifu::policy::limits::LEARNERS_MAX;
use kifu::policy::membership::wanted_voters;
use kifu::replica::propose::Outcome;

use crate::client::unnumbered;
use crate::dice::Dice;
use crate::machine::{Live, Machine};
use crate::node::joining;
use crate::world::World;

/// An operator that is not answered for so long has given up.
const PATIENCE: Duration = Duration::from_secs(8);
/// How often somebody looks whether a machine wants to be let in.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The name in records.
const ACTOR: &str = "simulation";

/// Starts the operators of a machine whose node has just started. Those where the leader is are at work.
pub fn spawn(machine: &Arc<Machine>, world: &Arc<World>, live: &Arc<Live>) {
    tokio::spawn(let_in(world.clone(), live.clone()));
    tokio::spawn(change(machine.clone(), world.clone(), live.clone()));
}

/// Lets in all machines that wait, and says when the cluster is complete for the first time.
async fn let_in(world: Arc<World>, live: Arc<Live>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if !live.leads() {
            continue;
        }
        for other in &world.machines {
            let (joins, generation) = other.with(|state| (state.joining, state.generation));
            if joins {
                join(&live, &world, other, generation).await;
            }
        }
        if !world.is_founded() {
            found(&live, &world).await;
        }
    }
}

/// Asks once; whether it worked, the log says.
async fn join(live: &Live, world: &World, other: &Machine, generation: u64) {
    let asked = joining(other);
    let token = TokenId::new(format!("t{}-{generation}", other.index));
    let create = CreateToken { token: token.clone(), secret: asked.secret, ttl_ms: 3_600_000, actor: ACTOR.to_owned() };
    // Refused when an earlier try went through.
    ask(live, Command::CreateToken(create)).await;
    let node = asked.node;
    ask(live, Command::JoinNode(JoinNode { token: Some(token), ..asked })).await;
    if live.replica.fold().read(|state| state.hosts.is_member(node)) {
        let news = other.with(|state| std::mem::take(&mut state.joining) && state.generation > 0);
        world.count(|counts| counts.members_rejoined += u64::from(news));
    }
}

/// Asks for as many voters as the plan wants. The cluster is founded once they vote and all other machines follow the log.
async fn found(live: &Live, world: &World) {
    if live.replica.fold().read(|state| state.membership.rules().config_seq.is_none()) {
        let config = MembershipConfig { voters: world.plan.voters as u32, ..rules(1_000, 200) };
        ask(live, Command::ConfigureMembership(ConfigureMembership { config, actor: ACTOR.to_owned() })).await;
    }
    let members = live.replica.members();
    let (voters, others) = (members.voters.len(), members.learners.len());
    let complete = !members.joint && voters == world.plan.voters && voters + others == world.machines.len();
    world.founded.fetch_or(complete, Ordering::Relaxed);
}

/// Much more hasty than anybody's in earnest.
fn rules(voter_gone_ms: u64, learner_stable_ms: u64) -> MembershipConfig {
    MembershipConfig { voter_gone_ms, learner_stable_ms, ..MembershipConfig::default() }
}

/// One change of the membership after the other.
async fn change(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let mut dice = Dice::new(world.plan.seed, &format!("operator {}", live.start));
    loop {
        tokio::time::sleep(dice.ms(300, 3_000)).await;
        if !world.is_founded() || !world.is_operated() || !live.leads() {
            continue;
        }
        let command = draw(&mut dice, &world, &live);
        world.trace().note(&format!("{} is asked for {command:?}", machine.name));
        let admitted = matches!(ask(&live, command).await, Some(Outcome::Admitted { .. }));
        world.count(|counts| counts.operations += u64::from(admitted));
    }
}

async fn ask(live: &Live, command: Command) -> Option<Outcome> {
    let asked = live.replica.propose(vec![unnumbered(live, command)]);
    tokio::time::timeout(PATIENCE, asked).await.ok()?.into_iter().next()
}

/// What an operator may want.
fn draw(dice: &mut Dice, world: &World, live: &Live) -> Command {
    let (voters, members) = live.replica.fold().read(|state| {
        let members: BTreeSet<NodeId> = state.hosts.table.values().map(|host| host.host).collect();
        (wanted_voters(state), members)
    });
    let learners: Vec<NodeId> = members.difference(&voters).copied().collect();
    let (voters, members) = (Vec::from_iter(voters), Vec::from_iter(members));
    let (actor, forced) = (ACTOR.to_owned(), dice.chance(0.2));
    match dice.number(0, 100) {
        0..30 => configure(dice, world.machines.len()),
        30..65 if !learners.is_empty() && !voters.is_empty() => {
            let (promote, demote) = (vec![*dice.pick(&learners)], vec![*dice.pick(&voters)]);
            Command::ChangeRoles(ChangeRoles { promote, demote, forced, actor })
        }
        65..75 if !voters.is_empty() => {
            Command::ChangeRoles(ChangeRoles { promote: vec![], demote: vec![*dice.pick(&voters)], forced, actor })
        }
        75..100 if !members.is_empty() => {
            Command::RemoveMember(RemoveMember { node: *dice.pick(&members), forced, actor })
        }
        _ => configure(dice, world.machines.len()),
    }
}

/// Other numbers of voters, as far as learners have room.
fn configure(dice: &mut Dice, machines: usize) -> Command {
    let mut numbers = vec![3, 3, 5, 5, 7, 7, 1];
    numbers.retain(|number| machines <= number + LEARNERS_MAX);
    let voters = *dice.pick(&numbers) as u32;
    let config = MembershipConfig { voters, ..rules(dice.number(1_000, 1_500), dice.number(100, 1_000)) };
    Command::ConfigureMembership(ConfigureMembership { config, actor: ACTOR.to_owned() })
}
