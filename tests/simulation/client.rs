//! The load: what the programs on each machine ask for, and what they are told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kifu::event::command::{CreateToken, JoinNode, RecordNote};
use kifu::event::{Command, Millis, Proposal, TokenId};
use kifu::node::clock::Clock;
use kifu::replica::Replica;
use kifu::replica::propose::Outcome;

use crate::dice::Dice;
use crate::machine::{Live, Machine};
use crate::node::joining;
use crate::world::World;

/// A client that is not answered for so long has given up.
const PATIENCE: Duration = Duration::from_secs(8);

/// Starts the clients of a machine whose node has just started; this was the run's `start`th start of a node.
pub fn spawn(machine: &Arc<Machine>, world: &Arc<World>, live: &Arc<Live>, start: u64) {
    if machine.index == 0 && !world.is_founded() {
        tokio::spawn(found(machine.clone(), world.clone(), live.clone()));
    }
    tokio::spawn(push(machine.clone(), world.clone(), live.clone(), start));
    tokio::spawn(propose(machine.clone(), world.clone(), live.clone(), start));
    tokio::spawn(repeat(machine.clone(), world.clone(), live.clone(), start));
    tokio::spawn(read(machine.clone(), world.clone(), live.clone(), start));
}

/// The text of a note that is asked for.
pub fn text_of(command: &Command) -> Option<String> {
    match command {
        Command::RecordNote(note) => Some(note.text.clone()),
        _ => None,
    }
}

fn note(machine: &Machine, text: &str) -> Command {
    Command::RecordNote(RecordNote { actor: machine.name.clone(), text: text.to_owned() })
}

fn unnumbered(machine: &Machine, command: Command) -> Proposal {
    Proposal { origin: machine.node, origin_seq: 0, observed_at: Clock.now(), caused_by: vec![], command }
}

/// Lets all machines become members, and those that shall vote become voters.
async fn found(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let replica = &live.replica;
    for other in &world.machines[1..] {
        let token = TokenId::new(format!("t{}", other.index));
        let JoinNode { secret, .. } = joining(other);
        let create = CreateToken { token: token.clone(), secret, ttl_ms: 3_600_000, actor: "simulation".to_owned() };
        ask_until_settled(&machine, replica, Command::CreateToken(create)).await;
        let join = JoinNode { token: Some(token), ..joining(other) };
        ask_until_settled(&machine, replica, Command::JoinNode(join)).await;
        loop {
            let added = match other.index < world.plan.voters {
                true => replica.add_member(other.node, other.member()).await,
                false => replica.add_learner(other.node, other.member()).await,
            };
            match added {
                Ok(()) => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
    world.founded.store(true, Ordering::Relaxed);
}

async fn ask_until_settled(machine: &Machine, replica: &Replica, command: Command) {
    loop {
        let outcomes = replica.propose(vec![unnumbered(machine, command.clone())]).await;
        match outcomes.first() {
            Some(Outcome::Unavailable { .. }) | None => tokio::time::sleep(Duration::from_millis(50)).await,
            // Refused: an earlier try went through.
            Some(_) => return,
        }
    }
}

async fn wait(dice: &mut Dice, world: &World) {
    let every = world.plan.load_every_ms;
    loop {
        tokio::time::sleep(dice.ms(every / 2, every * 3 / 2 + 1)).await;
        if world.is_founded() && world.is_loaded() {
            return;
        }
    }
}

/// Puts notes into the outbox.
async fn push(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>, start: u64) {
    let mut dice = Dice::new(world.plan.seed, &format!("push {start}"));
    for count in 0.. {
        wait(&mut dice, &world).await;
        // Several at once now and then: they share a commit, and a message to the leader.
        let burst = if dice.chance(0.1) { dice.number(5, 40) } else { 1 };
        for part in 0..burst {
            let text = format!("o{start}-{count}-{part} {}", "x".repeat(dice.number(0, 200) as usize));
            world.oracle().tries(&text);
            let pushed = live.outbox.push(note(&machine, &text), vec![], Clock.now()).await;
            if let Ok(number) = pushed {
                world.oracle().stores(machine.node, number, &text);
                world.count(|counts| counts.pushed += 1);
            }
        }
    }
}

/// Asks the leader directly, and does not try again: an answer that never comes means "unknown".
async fn propose(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>, start: u64) {
    let mut dice = Dice::new(world.plan.seed, &format!("propose {start}"));
    for count in 0.. {
        wait(&mut dice, &world).await;
        let text = format!("d{start}-{count}");
        let bad = dice.chance(0.05);
        // A note that is longer than allowed is refused for good.
        let text = if bad { format!("{text} {}", "y".repeat(20_000)) } else { text };
        world.oracle().tries(&text);
        let proposals = vec![unnumbered(&machine, note(&machine, &text))];
        tokio::time::timeout(PATIENCE, live.replica.propose(proposals)).await.ok();
    }
}

/// Sends again what the outbox has sent before, as a network may that delivers a message twice.
async fn repeat(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>, start: u64) {
    let mut dice = Dice::new(world.plan.seed, &format!("repeat {start}"));
    loop {
        wait(&mut dice, &world).await;
        if !dice.chance(0.2) {
            continue;
        }
        let settled = live.replica.fold().read(|state| state.dedupe.last(machine.node));
        if settled == 0 {
            continue;
        }
        let number = dice.number(1, settled + 1);
        let text = world.oracle().stored.get(&(machine.node, number)).cloned();
        let Some(text) = text else { continue };
        let command = note(&machine, &text);
        let again =
            Proposal { origin: machine.node, origin_seq: number, observed_at: Millis(0), caused_by: vec![], command };
        tokio::time::timeout(PATIENCE, live.replica.propose(vec![again])).await.ok();
    }
}

/// Reads from this node while it leads, or believes so: behind a barrier, so that the read is linearizable.
async fn read(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>, start: u64) {
    let mut dice = Dice::new(world.plan.seed, &format!("read {start}"));
    let leadership = live.replica.leadership();
    loop {
        wait(&mut dice, &world).await;
        let now = leadership.borrow().clone();
        if now.leader != Some(machine.node) {
            continue;
        }
        let begun_at = world.oracle().begins_read();
        if live.replica.barrier(now.term).await.is_ok() {
            let seq = live.replica.fold().seq();
            world.oracle().ends_read(&machine.name, begun_at, seq);
            world.count(|counts| counts.reads += 1);
        }
    }
}
