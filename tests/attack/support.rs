//! Clusters to attack.

use kifu::node::Layout;
use kifu::node::bench::{BenchOptions, Cluster};
use kifu::node::layout::NodeConfig;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Rounds of an attack: few by default, more in the long suite.
pub fn rounds(default: usize) -> usize {
    let given = std::env::var("KIFU_ATTACK_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    given.unwrap_or(default)
}

/// The random generator of a test; its seed is printed, and shown when the test fails. Every short attack is the same one; a long one,
/// of which somebody chose the rounds, is another each time.
pub fn seeded() -> StdRng {
    let given = std::env::var("KIFU_ATTACK_SEED").ok().and_then(|seed| seed.parse().ok());
    let is_long = std::env::var_os("KIFU_ATTACK_ROUNDS").is_some();
    let seed = given.unwrap_or_else(|| if is_long { rand::random::<u32>() } else { 1 });
    eprintln!("repeat with KIFU_ATTACK_SEED={seed}");
    StdRng::seed_from_u64(u64::from(seed))
}

/// Three nodes below `out`, or in a temporary folder.
pub async fn cluster(out: Option<&std::path::Path>) -> Cluster {
    let options = BenchOptions {
        program: Some(env!("CARGO_BIN_EXE_kifu-node").into()),
        nodes: 3,
        out: out.map(std::path::Path::to_owned),
        arguments: vec!["--timing".into(), "wan".into()],
    };
    Cluster::start(&options).await.expect("a cluster of three")
}

/// Three nodes, the first of which is furnished by `change` before it starts.
pub async fn furnished(change: impl FnOnce(&mut NodeConfig)) -> Cluster {
    let options = BenchOptions {
        program: Some(env!("CARGO_BIN_EXE_kifu-node").into()),
        nodes: 3,
        out: None,
        arguments: vec!["--timing".into(), "wan".into()],
    };
    let furnish = |data: &std::path::Path| {
        let layout = Layout::new(data);
        let mut config = layout.load_config().expect("a configuration");
        change(&mut config);
        layout.save_config(&config).expect("written");
    };
    Cluster::start_furnished(&options, 3, furnish).await.expect("a cluster of three")
}

/// What a node's HTTP port answers, if it does.
pub async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Waits until every node has folded what the leader has now. Returns how far that is.
pub async fn converge(cluster: &mut Cluster) -> u64 {
    cluster.ready(3).await.expect("all are there");
    let leader = cluster.leader().await.expect("a leader");
    let goal = cluster.seq(leader).await.expect("a position");
    let begun = std::time::Instant::now();
    let converged = async {
        for index in 0..3 {
            while cluster.seq(index).await.unwrap_or(0) < goal {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), converged).await.expect("all nodes catch up");
    eprintln!("converged at {goal} after {} ms", begun.elapsed().as_millis());
    goal
}
