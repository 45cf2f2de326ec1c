//! Floods: thousands of connections, and what they cost the server, which is a process of its own so that its memory is only its
//! own. `KIFU_FLOOD` is the number of attempts (1,000 unless it is set; the long suite takes 10,000).

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kifu::net::{Authority, Channel, Endpoint, EndpointLimits, NetError, Refusal, Role};
use tokio::io::AsyncReadExt;

use crate::raw::{attempt, client};
use crate::support::{EchoNode, bind, echo, identity};

/// What the second half of a flood may add to the server's memory: the first half fills what is bounded.
const LEFT_BYTES_MAX: u64 = 24 << 20;
/// What a handshake that is refused may cost the server, in milliseconds of CPU time, in a build without optimisation and on a slow
/// machine. It is less than a millisecond otherwise.
const CPU_MS_PER_ATTEMPT_MAX: u64 = 25;
/// Ticks a second of the kernel's accounts, on every Linux.
const TICKS_PER_SECOND: u64 = 100;
/// Attempts at a time.
const AT_A_TIME: usize = 100;
/// Names the directory of the server that is a process of its own.
const SERVER_DIR: &str = "KIFU_FLOOD_SERVER";
/// Connections that the server takes from one address, if not the usual number.
const SERVER_HOLDS: &str = "KIFU_FLOOD_HOLDS";

fn attempts() -> usize {
    std::env::var("KIFU_FLOOD").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

/// A server in a process of its own.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// This program once more, in which the flood of strangers becomes the server.
    async fn start(authority: &Authority, dir: &Path, holds: Option<usize>) -> Self {
        authority.save(dir).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "flood::strangers_in_thousands_cost_little_memory_and_keep_nobody_out"])
            .env(SERVER_DIR, dir);
        if let Some(holds) = holds {
            command.env(SERVER_HOLDS, holds.to_string());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        loop {
            if let Ok(text) = std::fs::read_to_string(dir.join("address")) {
                return Self { process, address: text.parse().unwrap() };
            }
            assert!(process.try_wait().unwrap().is_none(), "the server ended before it listened");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn resident_bytes(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }

    /// CPU time that the server has used so far, in milliseconds, in user mode and in the kernel.
    fn cpu_ms(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // The name of the program may hold anything, but for the last bracket.
        let (_, fields) = text.rsplit_once(')').unwrap();
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        ticks * 1_000 / TICKS_PER_SECOND
    }

    fn assert_worked_little_since(&self, before_ms: u64, attempts: usize) {
        let each = (self.cpu_ms() - before_ms) / attempts as u64;
        assert!(each <= CPU_MS_PER_ATTEMPT_MAX, "{each} ms of CPU time for each of {attempts} refused handshakes");
    }

    fn assert_grown_little_since(&self, before: u64) {
        let now = self.resident_bytes();
        assert!(now < before + LEFT_BYTES_MAX, "{} MiB after {} MiB", now >> 20, before >> 20);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// If this process is a flood's server: serves until the process that started it ends.
async fn is_the_server() -> bool {
    let Some(dir) = std::env::var_os(SERVER_DIR).map(std::path::PathBuf::from) else { return false };
    let mut limits = EndpointLimits::default();
    if let Ok(holds) = std::env::var(SERVER_HOLDS) {
        limits.connections_per_address_max = holds.parse().unwrap();
        (limits.handshakes_burst, limits.handshakes_per_second) = (100_000, 100_000);
    }
    let server = EchoNode::start(&Authority::load(&dir).unwrap(), limits);
    std::fs::write(dir.join("address.new"), server.address.to_string()).unwrap();
    std::fs::rename(dir.join("address.new"), dir.join("address")).unwrap();
    tokio::io::stdin().read_to_end(&mut Vec::new()).await.unwrap();
    true
}

/// A well-behaved node at another address than the flood's.
fn elsewhere(authority: &Authority) -> Endpoint {
    let address: SocketAddr = "127.0.0.2:0".parse().unwrap();
    Endpoint::bind(address, &identity(authority, "good", Role::Node), EndpointLimits::default()).unwrap()
}

/// The server takes a connection of `good`. In the middle of a flood a busy machine may be too slow for the first one.
async fn serves(good: &Endpoint, server: SocketAddr) {
    for _ in 0..20 {
        match good.connect(server, None, Channel::Raft).await {
            Ok(connection) => return echo(&connection).await,
            Err(error) => {
                assert!(error.is_transient() && !matches!(error, NetError::Refused { .. }), "{error}");
            }
        }
    }
    panic!("a node elsewhere is kept out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_in_thousands_cost_little_memory_and_keep_nobody_out() {
    if is_the_server().await {
        return;
    }
    let (authority, dir) = (Authority::create().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&authority, dir.path(), None).await;
    let good = elsewhere(&authority);
    let mut before = 0;
    let cpu_before = server.cpu_ms();
    let marked = Channel::Raft.protocol(authority.certificate());
    let rounds = attempts().div_ceil(AT_A_TIME).max(2);
    for round in 0..rounds {
        if round == rounds / 2 {
            before = server.resident_bytes();
        }
        // Half of them know how the cluster is spoken to.
        let stranger = client(None, &[if round % 2 == 0 { "kifu-raft/1" } else { &marked }]);
        let mut tries = tokio::task::JoinSet::new();
        for _ in 0..AT_A_TIME {
            let stranger = stranger.clone();
            let address = server.address;
            tries.spawn(async move { attempt(&stranger, address).await });
        }
        serves(&good, server.address).await;
        while let Some(outcome) = tries.join_next().await {
            outcome.unwrap();
        }
    }
    server.assert_worked_little_since(cpu_before, rounds * AT_A_TIME);
    // The flood's own address may still be over its limits, and is told so.
    serves(&good, server.address).await;
    server.assert_grown_little_since(before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_one_address_end_at_its_limit_and_others_are_served() {
    let (authority, dir) = (Authority::create().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::start(&authority, dir.path(), Some(40)).await;
    let good = elsewhere(&authority);
    let mut before = 0;
    let cpu_before = server.cpu_ms();
    let (mut held, mut refused) = (Vec::new(), 0);
    let mut many = Vec::new();
    for number in 0..5 {
        many.push(bind(&identity(&authority, &format!("greedy-{number}"), Role::Node)));
    }
    for number in 0..attempts() {
        if number == attempts() / 2 {
            before = server.resident_bytes();
        }
        match many[number % many.len()].connect(server.address, None, Channel::Api).await {
            Ok(connection) => held.push(connection),
            Err(NetError::Refused { refusal: Refusal::Busy, .. }) => refused += 1,
            Err(error) => panic!("attempt {number}: {error}"),
        }
    }
    assert_eq!((held.len(), refused), (40, attempts() - 40));
    server.assert_worked_little_since(cpu_before, attempts());
    echo(&held[0]).await;
    serves(&good, server.address).await;
    server.assert_grown_little_since(before);
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
