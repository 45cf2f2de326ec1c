//! Blobs on their way between peers.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::peers::{At, Cluster, LIMITS, Lie, Node, connect};
use crate::artifact::store::BUFFER_BYTES;
use crate::artifact::{ArtifactError, FetchLimits, fetch, fetch_from_any};
use crate::event::Hash;

/// Bytes that no part of repeats.
fn blob(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&size.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

async fn fetched(node: &Node, from: At, hash: Hash, limits: &FetchLimits) -> Result<u64, ArtifactError> {
    fetch(&connect(node, from).await, hash, &node.store, limits).await
}

fn partial(node: &Node, hash: Hash) -> PathBuf {
    node.store.temporary().join(format!("{hash}.part"))
}

fn partial_bytes(node: &Node, hash: Hash) -> Option<u64> {
    std::fs::metadata(partial(node, hash)).ok().map(|metadata| metadata.len())
}

/// A peer that cuts the connection when all whole buffers of `bytes` have been written down.
fn cutter(node: &Node, hash: Hash, claims: u64, bytes: Vec<u8>) -> Lie {
    let has = (bytes.len() - bytes.len() % BUFFER_BYTES) as u64;
    Lie::SendAndCut { claims, bytes, once: partial(node, hash), has }
}

#[tokio::test]
async fn blobs_of_all_sizes_arrive_and_are_verified() {
    let cluster = Cluster::new();
    let blobs: Vec<_> = [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 3_000_000].map(blob).into();
    let peer = cluster.honest(&blobs.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let node = cluster.node();
    let connection = connect(&node, peer).await;
    for blob in &blobs {
        let hash = Hash::of(blob);
        let bytes = fetch(&connection, hash, &node.store, &LIMITS).await.expect("fetched");
        assert_eq!((bytes, node.store.verify(&hash).expect("good")), (blob.len() as u64, blob.len() as u64));
        assert_eq!(partial_bytes(&node, hash), None);
    }
    let absent = fetch(&connection, Hash::of(b"absent"), &node.store, &LIMITS).await;
    assert!(matches!(absent, Err(ArtifactError::NotThere { .. })), "{absent:?}");
}

#[tokio::test]
async fn a_blob_that_is_here_is_not_fetched_again_and_fetches_of_one_blob_become_one() {
    let cluster = Cluster::new();
    let bytes = blob(2_000_000);
    let hash = Hash::of(&bytes);
    let (peer, asked) = cluster.liar(Lie::Send { claims: bytes.len() as u64, bytes });
    let node = cluster.node();
    let connection = connect(&node, peer).await;
    let one = || fetch(&connection, hash, &node.store, &LIMITS);
    let outcomes = tokio::join!(one(), one(), one(), one());
    for outcome in [outcomes.0, outcomes.1, outcomes.2, outcomes.3] {
        assert_eq!(outcome.expect("fetched"), 2_000_000);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(node.store.verify(&hash).expect("good"), 2_000_000);
}

#[tokio::test]
async fn liars_are_named_and_nothing_of_theirs_is_kept() {
    let cluster = Cluster::new();
    let good = blob(600_000);
    let hash = Hash::of(&good);
    let mut wrong = good.clone();
    wrong[599_999] ^= 1;
    let long = [&good[..], b"!"].concat();
    // Longer than a busy machine may stand still in the middle of what is sent.
    let quick = FetchLimits { stall: Duration::from_secs(10), ..LIMITS };
    let lies = [
        ("hash to", LIMITS, Lie::Send { claims: 600_000, bytes: wrong }),
        ("goes on beyond", LIMITS, Lie::Send { claims: 600_000, bytes: long }),
        ("goes on beyond", LIMITS, Lie::SendForever { claims: 600_000 }),
        ("goes on beyond", LIMITS, Lie::SendForever { claims: 0 }),
        ("ends before", LIMITS, Lie::Send { claims: 600_000, bytes: good[..599_999].to_vec() }),
        ("ends before", LIMITS, Lie::Send { claims: 600_001, bytes: good.clone() }),
        ("does not end", quick, Lie::SendAndHang { claims: 600_000, bytes: good.clone() }),
        ("hash to", LIMITS, Lie::Send { claims: 0, bytes: Vec::new() }),
    ];
    let node = cluster.node();
    for (told, limits, lie) in lies {
        let (peer, _) = cluster.liar(lie);
        match fetched(&node, peer, hash, &limits).await {
            Err(ArtifactError::WrongCopy { peer: named, hash: what, reason }) => {
                assert_eq!((named, what), (peer.0, hash));
                assert!(reason.contains(told), "{told}: {reason}");
            }
            other => panic!("{told}: expected a wrong copy, got {other:?}"),
        }
        assert!(!node.store.contains(&hash), "{told}");
        assert_eq!(partial_bytes(&node, hash), None, "{told}");
    }
    let peer = cluster.honest(&[&good]);
    assert_eq!(fetched(&node, peer, hash, &LIMITS).await.expect("an honest peer is still believed"), 600_000);
}

#[tokio::test]
async fn peers_that_babble_or_say_nothing_are_given_up() {
    let cluster = Cluster::new();
    let node = cluster.node();
    let hash = Hash::of(b"wanted");
    let quick = FetchLimits { stall: Duration::from_millis(300), ..LIMITS };
    for (lie, limits) in [
        (Lie::Babble(vec![]), LIMITS),
        (Lie::Babble(vec![255; 100]), LIMITS),
        (Lie::Babble(vec![9, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0]), LIMITS),
        (Lie::Babble(vec![9, 0, 0, 0, 0]), LIMITS),
        (Lie::Silence, quick),
        (Lie::SendAndHang { claims: 1000, bytes: vec![1; 999] }, quick),
    ] {
        let (peer, _) = cluster.liar(lie);
        let error = fetched(&node, peer, hash, &limits).await.expect_err("nothing usable came");
        assert!(matches!(error, ArtifactError::Transfer { .. } | ArtifactError::Protocol { .. }), "{error}");
        assert!(error.to_string().contains(&peer.0.to_string()), "{error}");
        assert!(!node.store.contains(&hash));
    }
}

#[tokio::test]
async fn a_blob_over_the_limit_is_refused_before_a_byte_of_it_is_taken() {
    let cluster = Cluster::new();
    let node = cluster.node();
    let hash = Hash::of(b"huge");
    let (peer, _) = cluster.liar(Lie::SendForever { claims: u64::MAX });
    let error = fetched(&node, peer, hash, &LIMITS).await.expect_err("too large");
    assert!(matches!(error, ArtifactError::TooLarge { bytes: u64::MAX, .. }), "{error}");
    assert_eq!(partial_bytes(&node, hash), None);
}

#[tokio::test]
async fn a_broken_transfer_is_resumed_from_another_peer() {
    let cluster = Cluster::new();
    let good = blob(1_500_000);
    let hash = Hash::of(&good);
    let node = cluster.node();
    let (peer, _) = cluster.liar(cutter(&node, hash, 1_500_000, good[..1_000_000].to_vec()));
    let error = fetched(&node, peer, hash, &LIMITS).await.expect_err("cut");
    assert!(matches!(error, ArtifactError::Transfer { .. }), "{error}");
    let kept = partial_bytes(&node, hash).expect("something is kept");
    assert!((3 * BUFFER_BYTES as u64..=1_000_000).contains(&kept), "{kept}");

    // This one has only what comes after: it serves the rest, and would send a wrong beginning.
    let mut rest = good.clone();
    rest[..usize::try_from(kept).expect("small")].fill(0);
    let (peer, asked) = cluster.liar(Lie::Send { claims: 1_500_000, bytes: rest });
    assert_eq!(fetched(&node, peer, hash, &LIMITS).await.expect("resumed"), 1_500_000);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(node.store.verify(&hash).expect("good"), 1_500_000);
}

#[tokio::test]
async fn a_wrong_beginning_of_one_peer_is_not_held_against_the_next() {
    let cluster = Cluster::new();
    let good = blob(1_500_000);
    let hash = Hash::of(&good);
    let node = cluster.node();
    // More than the blob has, and less: in both cases the next peer is right and the bytes that are here are wrong.
    for wrong in [vec![6; 1_000_000], vec![6; 1_900_000]] {
        let (peer, _) = cluster.liar(cutter(&node, hash, 2_000_000, wrong));
        fetched(&node, peer, hash, &LIMITS).await.expect_err("cut");
        assert!(partial_bytes(&node, hash).is_some());
        let honest = cluster.honest(&[&good]);
        assert_eq!(fetched(&node, honest, hash, &LIMITS).await.expect("fetched anew"), 1_500_000);
        assert!(node.store.remove(&hash).expect("removed"));
    }
}

#[tokio::test]
async fn sources_are_tried_in_order_until_one_gives_the_blob() {
    let cluster = Cluster::new();
    let good = blob(100_000);
    let hash = Hash::of(&good);
    let node = cluster.node();
    let (liar, _) = cluster.liar(Lie::Send { claims: 3, bytes: b"lie".to_vec() });
    let without = cluster.honest(&[]);
    let with = cluster.honest(&[&good]);
    let (never, never_asked) = cluster.liar(Lie::Silence);
    let impostor = (never.0, without.1);

    let sources = [liar, without, impostor, with, never];
    let bytes = fetch_from_any(&node.endpoint, &sources, hash, &node.store, &LIMITS).await.expect("fetched");
    assert_eq!((bytes, never_asked.load(Ordering::SeqCst)), (100_000, 0));
    assert_eq!(node.store.verify(&hash).expect("good"), 100_000);

    let unknown = Hash::of(b"unknown");
    let error = fetch_from_any(&node.endpoint, &sources[..3], unknown, &node.store, &LIMITS).await;
    let error = error.expect_err("nobody has it").to_string();
    for told in ["sent a wrong copy", "has no copy", "expected node"] {
        assert!(error.contains(told), "{told}: {error}");
    }
    let error = fetch_from_any(&node.endpoint, &[], unknown, &node.store, &LIMITS).await.expect_err("no sources");
    assert!(error.to_string().ends_with("none is known"), "{error}");
}
