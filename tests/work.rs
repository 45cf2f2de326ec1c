//! The work room from outside: its outbox, its workers, its manager.

#[path = "work/outbox.rs"]
mod outbox;
