//! The work room from outside: its outbox, its workers, its manager.

#[path = "work/fake.rs"]
mod fake;
#[path = "work/outbox.rs"]
mod outbox;
#[path = "work/worker.rs"]
mod worker;
