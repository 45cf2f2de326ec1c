//! A leader that cannot read the log any further, and that nobody can follow.

use std::time::Duration;

use kifu::event::Draft;
use kifu::event::membership::MemberMoved;
use kifu::net::Authority;
use kifu::node::leader::Leader;
use kifu::replica::propose::Outcome;
use tokio_util::sync::CancellationToken;

use super::deposed::note;
use super::{draft, leader_of, start_reading};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halted_leader_that_nobody_can_follow_turns_proposals_away_and_writes_nothing() {
    let authority = Authority::create().expect("a CA");
    let node = start_reading(&authority, "n1", 1).await;
    node.replica.bootstrap(node.member.clone()).await.expect("a new cluster");
    let (_, term) = leader_of(&[&node]).await;
    let moved = MemberMoved { node: node.id, from: "a:1".to_owned(), to: "b:1".to_owned() };
    let newer = Draft { event: moved.into(), ..draft(node.id, term) };
    node.replica.append(term, &[newer]).await.expect("a quorum of one");
    assert!(node.replica.fold().upgrade_needed().is_some(), "it came with a later format version");

    let last = node.replica.log().last();
    let stop = CancellationToken::new();
    let (replica, asks) = (node.replica.clone(), node.asks);
    let (hearing, genesis) = (Default::default(), None);
    let leader = Leader { node: node.id, replica, asks, hearing, genesis, stop: stop.clone() };
    let leader = tokio::spawn(leader.run());
    // Each is turned away in a reign of its own.
    for _ in 0..2 {
        let proposed = node.replica.propose(vec![note(node.id, 1)]);
        let outcomes = tokio::time::timeout(PATIENCE, proposed).await.expect("an answer");
        assert_eq!(outcomes, [Outcome::Unavailable { leader: None }]);
    }
    assert_eq!(node.replica.log().last(), last);
    stop.cancel();
    leader.await.expect("it stops");
}
