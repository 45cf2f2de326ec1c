//! Floods: thousands of connections, and what they cost. `KIFU_FLOOD` is the number of attempts (1,000 unless it is set; the
//! long suite takes 10,000).

use std::net::SocketAddr;
use std::time::Duration;

use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, NetError, Refusal, Role};

use crate::raw::{attempt, client};
use crate::support::{EchoNode, bind, echo, identity};

/// What a second flood, as large as the first, may add to the memory: the clients live in this process too, and the first one
/// shows what they need. Generous, because connections that drain (three round trips or more) are counted with them.
const LEFT_BYTES_MAX: u64 = 384 << 20;
/// One flood at a time: they share this process and its memory.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
/// Attempts at a time.
const AT_A_TIME: usize = 100;

fn attempts() -> usize {
    std::env::var("KIFU_FLOOD").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// Memory of this process that is in use.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A well-behaved node at another address than the flood's.
fn elsewhere(authority: &Authority) -> Endpoint {
    let address: SocketAddr = "127.0.0.2:0".parse().unwrap();
    Endpoint::bind(address, &identity(authority, "good", Role::Node), EndpointLimits::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_in_thousands_cost_little_memory_and_keep_nobody_out() {
    let authority = Authority::create().unwrap();
    let server = EchoNode::start(&authority, EndpointLimits::default());
    let _turn = TURN.lock().await;
    let good = elsewhere(&authority);
    let mut before = 0;
    let marked = Channel::Raft.protocol(authority.certificate());
    let rounds = attempts().div_ceil(AT_A_TIME).max(2);
    for round in 0..rounds {
        if round == rounds / 2 {
            before = resident_bytes();
        }
        // Half of them know how the cluster is spoken to.
        let stranger = client(None, &[if round % 2 == 0 { "kifu-raft/1" } else { &marked }]);
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..AT_A_TIME {
            let stranger = stranger.clone();
            tries.spawn(async move { attempt(&stranger, server.address).await });
        }
        echo(&good.connect(server.address, None, Channel::Raft).await.unwrap()).await;
        while let Some(outcome) = tries.join_next().await {
            outcome.unwrap();
        }
    }
    // The flood's own address may still be over its limits, and is told so.
    echo(&good.connect(server.address, None, Channel::Raft).await.unwrap()).await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < LEFT_BYTES_MAX, "{} MiB more than before", grown >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_address_end_at_its_limit_and_others_are_served() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits {
        connections_per_address_max: 40,
        handshakes_burst: 100_000,
        handshakes_per_second: 100_000,
        ..Default::default()
    };
    let server = EchoNode::start(&authority, limits);
    let _turn = TURN.lock().await;
    let good = elsewhere(&authority);
    let mut before = 0;
    let (mut held, mut refused) = (Vec::new(), 0);
    let mut many = Vec::new();
    for number in 0..5 {
        many.push(bind(&identity(&authority, &format!("greedy-{number}"), Role::Node)));
    }
    for number in 0..attempts() {
        if number == attempts() / 2 {
            before = resident_bytes();
        }
        match many[number % many.len()].connect(server.address, None, Channel::Api).await {
            Ok(connection) => held.push(connection),
            Err(NetError::Refused { refusal: Refusal::Busy, .. }) => refused += 1,
            Err(error) => panic!("attempt {number}: {error}"),
        }
    }
    assert_eq!((held.len(), refused), (40, attempts() - 40));
    echo(&held[0]).await;
    echo(&good.connect(server.address, None, Channel::Raft).await.unwrap()).await;
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < LEFT_BYTES_MAX, "{} MiB more than before", grown >> 20);
}

#[tokio::test]
async fn a_guest_has_fewer_connections_and_streams_than_a_node() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits { connections_per_guest_max: 2, ..Default::default() };
    let server = EchoNode::start(&authority, limits);
    for role in [Role::Viewer, Role::Bearer] {
        let guest = bind(&identity(&authority, "guest", role));
        let dial = || guest.connect(server.address, None, Channel::Api);
        let (first, _second) = (dial().await.unwrap(), dial().await.unwrap());
        match dial().await {
            Err(NetError::Refused { refusal: Refusal::Busy, .. }) => {}
            other => panic!("expected to be refused, got {other:?}"),
        }
        let mut streams = Vec::new();
        for _ in 0..kifu::net::limits::GUEST_STREAMS_MAX {
            streams.push(first.open().await.unwrap());
        }
        let more = tokio::time::timeout(Duration::from_millis(200), first.open()).await;
        assert!(more.is_err(), "one more stream waits until another ends");
    }
}

#[tokio::test]
async fn handshakes_over_the_rate_of_an_address_are_refused_and_it_recovers() {
    let authority = Authority::create().unwrap();
    let limits = EndpointLimits { handshakes_burst: 8, handshakes_per_second: 20, ..Default::default() };
    let server = EchoNode::start(&authority, limits);
    let client = bind(&identity(&authority, "client", Role::Node));
    let (mut refused, mut served) = (0, 0);
    // However fast this machine is, sixty handshakes at once are more than eight and what is gained meanwhile, or slow
    // enough to be within the rate.
    let began = std::time::Instant::now();
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let client = client.clone();
        tries.spawn(async move { client.connect(server.address, None, Channel::Api).await });
    }
    while let Some(outcome) = tries.join_next().await {
        match outcome.unwrap() {
            Ok(connection) => {
                served += 1;
                connection.close("done");
            }
            Err(NetError::Refused { refusal: Refusal::Busy, .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let gained = began.elapsed().as_millis() as usize * 20 / 1000 + 1;
    assert!(served <= 8 + gained, "{served} served, {refused} refused, {gained} gained");
    loop {
        match client.connect(server.address, None, Channel::Api).await {
            Ok(connection) => break echo(&connection).await,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}
