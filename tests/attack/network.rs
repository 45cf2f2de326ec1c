//! Each node in a network namespace of its own: links are pulled, throttled, delayed and made lossy while a writer goes on.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kifu::node::bench::{BenchOptions, Cluster};

use crate::oracle::{Oracle, check};
use crate::support::{converge, rounds};

const NODES: usize = 3;

/// Namespaces on one bridge; gone with this value.
struct Lab {
    name: String,
    net: u8,
}

impl Lab {
    /// Makes the namespaces, where that is permitted.
    fn make() -> Option<Lab> {
        let pid = std::process::id();
        let lab = Lab { name: format!("kf{}", pid % 100_000), net: (pid % 250) as u8 + 1 };
        let (bridge, net) = (lab.name.clone(), lab.net);
        let mut lines = vec![
            format!("link add {bridge} type bridge"),
            format!("link set {bridge} up"),
            format!("addr add 10.77.{net}.254/24 dev {bridge}"),
        ];
        for node in 1..=NODES {
            let space = lab.space(node);
            lines.extend([
                format!("netns add {space}"),
                format!("link add {space} type veth peer name eth0 netns {space}"),
                format!("link set {space} master {bridge} up"),
                format!("-n {space} addr add 10.77.{net}.{node}/24 dev eth0"),
                format!("-n {space} link set eth0 up"),
                format!("-n {space} link set lo up"),
            ]);
        }
        lines.iter().all(|line| ip(line)).then_some(lab)
    }

    /// The name of a node's namespace, and of its link on the bridge.
    fn space(&self, node: usize) -> String {
        format!("{}n{node}", self.name)
    }

    /// A program that runs the node program in the namespace of the folder that it is given, at that one's address.
    fn program(&self, folder: &Path) -> PathBuf {
        let path = folder.join("node-in-namespace");
        let (name, net, node) = (&self.name, self.net, env!("CARGO_BIN_EXE_kifu-node"));
        let script = format!(
            "#!/bin/sh\n\
             for word in \"$@\"; do case \"$word\" in {}/n?) number=\"${{word##*/n}}\" ;; esac; done\n\
             for word in \"$@\"; do shift; case \"$word\" in 127.0.0.1:*) word=\"10.77.{net}.$number:${{word#*:}}\" ;; esac; set -- \"$@\" \"$word\"; done\n\
             exec ip netns exec \"{name}n$number\" \"{node}\" \"$@\"\n",
            folder.display()
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Pulls the cable of a node.
    fn cut(&self, index: usize) {
        assert!(ip(&format!("link set {} down", self.space(index + 1))));
    }

    /// Plugs it in again.
    fn heal(&self, index: usize) {
        assert!(ip(&format!("link set {} up", self.space(index + 1))));
    }

    /// Spoils the link to a node. False when this kernel cannot.
    fn spoil(&self, index: usize, how: &str) -> bool {
        run("tc", &format!("qdisc add dev {} root {how}", self.space(index + 1)))
    }

    fn restore(&self, index: usize) {
        assert!(run("tc", &format!("qdisc del dev {} root", self.space(index + 1))));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for node in 1..=NODES {
            ip(&format!("netns del {}", self.space(node)));
        }
        ip(&format!("link del {}", self.name));
    }
}

fn ip(line: &str) -> bool {
    run("ip", line)
}

fn run(program: &str, line: &str) -> bool {
    Command::new(program).args(line.split(' ')).output().is_ok_and(|output| output.status.success())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_cables_are_pulled() {
    let Some(lab) = Lab::make() else {
        eprintln!("SKIPPED: no network namespaces can be made here (needs root and iproute2); no real link was cut");
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let options = BenchOptions {
        program: Some(lab.program(out.path())),
        nodes: NODES as u32,
        out: Some(out.path().to_owned()),
        arguments: vec!["--timing".into(), "wan".into()],
    };
    let mut cluster = Cluster::start(&options).await.expect("a cluster of three");
    let machines: Vec<_> = cluster.fleet.machines.iter().map(|machine| machine.data.clone()).collect();
    let oracle = Oracle::start(machines.clone());
    for _ in 0..rounds(1) {
        cut_the_leader(&lab, &mut cluster, &oracle).await;
        cut_everybody(&lab, &mut cluster, &oracle).await;
        spoil_the_leader(&lab, &mut cluster, &oracle).await;
    }
    let known = oracle.finish().await;
    converge(&mut cluster).await;
    cluster.fleet.stop().expect("they stop in order");
    check(&machines, &known);
}

/// The others elect a leader and go on; the old one follows afterwards.
async fn cut_the_leader(lab: &Lab, cluster: &mut Cluster, oracle: &Oracle) {
    oracle.progress(20).await;
    let leader = cluster.leader().await.expect("a leader");
    lab.cut(leader);
    oracle.progress(20).await;
    lab.heal(leader);
    cluster.ready(NODES as u32).await.expect("the one that was cut off follows");
    eprintln!("leader cut: {} notes acknowledged", oracle.acknowledged());
}

/// Without a quorum nothing is acknowledged; with one again, work goes on.
async fn cut_everybody(lab: &Lab, cluster: &mut Cluster, oracle: &Oracle) {
    (0..NODES).for_each(|index| lab.cut(index));
    // What was on its way may still be acknowledged, and on a busy machine the writer hears of it later.
    let mut before = u64::MAX;
    let settled = async {
        while std::mem::replace(&mut before, oracle.acknowledged()) != before {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("nothing more is acknowledged");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(oracle.acknowledged(), before, "nothing is acknowledged without a quorum");
    (0..NODES).for_each(|index| lab.heal(index));
    oracle.progress(20).await;
    cluster.ready(NODES as u32).await.expect("all are back");
    eprintln!("all cut: {} notes acknowledged", oracle.acknowledged());
}

/// A slow link, then a late, lossy and disordered one.
async fn spoil_the_leader(lab: &Lab, cluster: &mut Cluster, oracle: &Oracle) {
    for how in ["tbf rate 2mbit burst 16kb latency 100ms", "netem delay 30ms 15ms loss 5% duplicate 2% reorder 20%"] {
        let leader = cluster.leader().await.expect("a leader");
        if !lab.spoil(leader, how) {
            eprintln!("SKIPPED: this kernel has no `tc {how}`");
            continue;
        }
        oracle.progress(40).await;
        lab.restore(leader);
        cluster.ready(NODES as u32).await.expect("all are there");
        eprintln!("{how}: {} notes acknowledged", oracle.acknowledged());
    }
}
