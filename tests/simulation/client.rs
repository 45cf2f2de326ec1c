//! The load: what the programs on each machine ask for, and what they are told.

use std::sync::Arc;
use std::time::Duration;

use kifu::event::command::RecordNote;
use kifu::event::{Command, Millis, Proposal};
use kifu::node::clock::Clock;
use kifu::replica::Consistency;

use crate::dice::Dice;
use crate::machine::{Live, Machine};
use crate::world::World;

/// A client that is not answered for so long has given up.
const PATIENCE: Duration = Duration::from_secs(8);

/// Starts the clients of a machine whose node has just started.
pub fn spawn(machine: &Arc<Machine>, world: &Arc<World>, live: &Arc<Live>) {
    tokio::spawn(push(machine.clone(), world.clone(), live.clone()));
    tokio::spawn(propose(machine.clone(), world.clone(), live.clone()));
    tokio::spawn(repeat(machine.clone(), world.clone(), live.clone()));
    tokio::spawn(read(machine.clone(), world.clone(), live.clone()));
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

/// A command that is asked for once, and not again.
pub fn unnumbered(live: &Live, command: Command) -> Proposal {
    Proposal { origin: live.node, origin_seq: 0, observed_at: Clock.now(), caused_by: vec![], command }
}

/// Waits for the next time. Only members ask for anything.
async fn wait(dice: &mut Dice, world: &World, live: &Live) {
    let every = world.plan.load_every_ms;
    loop {
        tokio::time::sleep(dice.ms(every / 2, every * 3 / 2 + 1)).await;
        if world.is_founded() && world.is_loaded() && live.is_member() {
            return;
        }
    }
}

/// Puts notes into the outbox.
async fn push(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let mut dice = Dice::new(world.plan.seed, &format!("push {}", live.start));
    for count in 0.. {
        wait(&mut dice, &world, &live).await;
        // Several at once now and then: they share a commit, and a message to the leader.
        let burst = if dice.chance(0.1) { dice.number(5, 40) } else { 1 };
        for part in 0..burst {
            let text = format!(
                "o{}-{count}-{part} {}",
                live.start,
                "x".repeat(dice.number(0, world.plan.note_bytes_max) as usize)
            );
            world.oracle().tries(&text);
            let pushed = live.outbox.push(note(&machine, &text), vec![], Clock.now()).await;
            if let Ok(number) = pushed {
                world.oracle().stores(live.node, number, &text);
                world.count(|counts| counts.pushed += 1);
            }
        }
    }
}

/// Asks the leader directly, and does not try again: an answer that never comes means "unknown".
async fn propose(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let mut dice = Dice::new(world.plan.seed, &format!("propose {}", live.start));
    for count in 0.. {
        wait(&mut dice, &world, &live).await;
        let text = format!("d{}-{count}", live.start);
        let bad = dice.chance(0.05);
        // A note that is longer than allowed is refused for good.
        let text = if bad { format!("{text} {}", "y".repeat(20_000)) } else { text };
        world.oracle().tries(&text);
        let proposals = vec![unnumbered(&live, note(&machine, &text))];
        tokio::time::timeout(PATIENCE, live.replica.propose(proposals)).await.ok();
    }
}

/// Sends again what the outbox has sent before, as a network may that delivers a message twice.
async fn repeat(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let mut dice = Dice::new(world.plan.seed, &format!("repeat {}", live.start));
    loop {
        wait(&mut dice, &world, &live).await;
        if !dice.chance(0.2) {
            continue;
        }
        let settled = live.replica.fold().read(|state| state.dedupe.last(live.node));
        if settled == 0 {
            continue;
        }
        let number = dice.number(1, settled + 1);
        let text = world.oracle().stored.get(&(live.node, number)).cloned();
        let Some(text) = text else { continue };
        let command = note(&machine, &text);
        let again =
            Proposal { origin: live.node, origin_seq: number, observed_at: Millis(0), caused_by: vec![], command };
        tokio::time::timeout(PATIENCE, live.replica.propose(vec![again])).await.ok();
    }
}

/// Reads from this node as the API does, whether it leads or not, with each consistency.
async fn read(machine: Arc<Machine>, world: Arc<World>, live: Arc<Live>) {
    let mut dice = Dice::new(world.plan.seed, &format!("read {}", live.start));
    let mut read_locally = live.replica.fold().seq();
    loop {
        wait(&mut dice, &world, &live).await;
        let consistency = *dice.pick(&[Consistency::Local, Consistency::Lease, Consistency::Linearizable]);
        let begun_at = match consistency {
            Consistency::Local => read_locally,
            Consistency::Lease | Consistency::Linearizable => world.oracle().begins_read(),
        };
        if live.replica.read_barrier(consistency).await.is_err() {
            continue;
        }
        let seq = live.replica.fold().seq();
        world.oracle().ends_read(&machine.name, consistency, begun_at, seq);
        read_locally = seq;
        world.count(|counts| {
            match consistency {
                Consistency::Local => counts.reads_local += 1,
                Consistency::Lease => counts.reads_lease += 1,
                Consistency::Linearizable => counts.reads_linearizable += 1,
            }
            counts.reads_by_followers += u64::from(consistency != Consistency::Local && !live.leads());
        });
    }
}
