//! The work room from outside: its outbox, its workers, its manager.

#[path = "work/fake.rs"]
mod fake;
#[path = "work/manager.rs"]
mod manager;
#[path = "work/outbox.rs"]
mod outbox;
#[path = "work/rig.rs"]
mod rig;
#[path = "work/worker.rs"]
mod worker;
