//! Notes of programs and people.

use super::Refusal;
use super::text::is_name;
use crate::event::NodeId;
use crate::event::command::{RecordNote, RegisterProducer};
use crate::event::notes::{NoteRecorded, ProducerRegistered};
use crate::policy::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX};
use crate::policy::view::Decision;
use crate::projection::State;

pub(super) fn register(state: &State, command: &RegisterProducer) -> Result<Vec<Decision>, Refusal> {
    let bad = |reason: &str| Err(Refusal::BadNote { reason: reason.to_owned() });
    if !is_name(&command.name) {
        return bad("a producer's name is letters, digits and -_. only");
    }
    if command.actor.len() > NAME_BYTES_MAX {
        return bad("the actor's name is too long");
    }
    if state.producers.get(command.producer).is_some() || state.hosts.is_member(command.producer) {
        return bad("this producer id is taken: draw another");
    }
    let RegisterProducer { producer, name, actor } = command.clone();
    Ok(vec![Decision::new(ProducerRegistered { producer, name, actor }, [])])
}

pub(super) fn record(state: &State, origin: NodeId, command: &RecordNote) -> Result<Vec<Decision>, Refusal> {
    if command.text.is_empty() || command.text.len() > NOTE_BYTES_MAX {
        return Err(Refusal::BadNote { reason: format!("a note has from 1 to {NOTE_BYTES_MAX} bytes") });
    }
    if command.actor.len() > NAME_BYTES_MAX {
        return Err(Refusal::BadNote { reason: "the actor's name is too long".to_owned() });
    }
    let author = state.producers.get(origin).map_or_else(|| command.actor.clone(), |row| row.actor.clone());
    Ok(vec![Decision::new(NoteRecorded { author, text: command.text.clone() }, [])])
}

/// A producer's proposals follow one another without gaps: a number that was skipped is one whose fate is unknown.
pub(super) fn check_number(origin: NodeId, origin_seq: u64, last: u64) -> Result<(), Refusal> {
    match origin_seq == last + 1 {
        true => Ok(()),
        false => Err(Refusal::Gap { origin, origin_seq, last }),
    }
}

#[cfg(test)]
mod tests {
    use super::ProducerRegistered;
    use crate::event::command::{RecordNote, RegisterProducer};
    use crate::event::{Command, NodeId};
    use crate::policy::limits::NOTE_BYTES_MAX;
    use crate::policy::testing::{Given, joined};
    use crate::projection::testing::record;

    fn register(producer: u64, name: &str) -> Command {
        let producer = NodeId(producer);
        Command::RegisterProducer(RegisterProducer { producer, name: name.into(), actor: "ada".into() })
    }

    fn note(text: &str) -> Command {
        Command::RecordNote(RecordNote { actor: "eve".into(), text: text.into() })
    }

    #[test]
    fn a_producer_registers_once_and_numbers_its_notes_without_gaps() {
        let mut given = Given::events([joined(1)]);
        given.clone().when(1, register(1, "watch")).refused("bad_note");
        given.clone().when(1, register(77, "a b")).refused("bad_note");
        given.clone().when_numbered(77, 1, note("before it registered")).refused("not_a_member");
        given
            .state
            .apply(&record(2, ProducerRegistered { producer: NodeId(77), name: "watch".into(), actor: "ada".into() }));
        given.clone().when(1, register(77, "watch")).refused("bad_note");
        given.clone().when_numbered(77, 2, note("too early")).refused("gap");
        given.clone().when_numbered(77, 0, note("not numbered")).refused("gap");
        given.clone().when_numbered(77, 1, register(78, "other")).refused("not_a_member");
        given.when_numbered(77, 1, note("fine")).then_kinds(&["NOTE_RECORDED"]);
    }

    #[test]
    fn notes_are_bounded() {
        let given = Given::events([joined(1)]);
        given.clone().when(1, note("")).refused("bad_note");
        given.clone().when(1, note(&"x".repeat(NOTE_BYTES_MAX + 1))).refused("bad_note");
        given.when(1, note("x")).then_kinds(&["NOTE_RECORDED"]);
    }
}
