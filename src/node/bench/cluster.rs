//! A cluster of processes that has nothing to do.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::usage;
use crate::cli::{ExitCode, Failure};
use crate::event::config::Config;
use crate::node::api::{Client, ClientError, Request, Response, Target};
use crate::node::demo::fleet::Fleet;
use crate::node::demo::watch::Watch;

/// How long a cluster may take to come up, or to heal.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is asked whether it is there.
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How a benchmark's cluster is made.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// The node program; this one when none is given.
    pub program: Option<PathBuf>,
    /// Nodes.
    pub nodes: u32,
    /// Where the data goes; a temporary folder that is removed when none is given.
    pub out: Option<PathBuf>,
    /// Arguments of `kifu-node start`.
    pub arguments: Vec<String>,
}

/// A running cluster. It ends with this value.
pub struct Cluster {
    /// The processes.
    pub fleet: Fleet,
    watch: Watch,
    _temporary: Option<tempfile::TempDir>,
}

impl Cluster {
    /// Makes a cluster without a game, starts its nodes, and waits until all of them vote.
    ///
    /// # Errors
    /// When a node does not start, or they do not come together in time.
    pub async fn start(options: &BenchOptions) -> Result<Cluster, Failure> {
        Cluster::start_some(options, options.nodes).await
    }

    /// As [`Cluster::start`], but the last machines stay empty until [`Cluster::add`].
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_some(options: &BenchOptions, nodes: u32) -> Result<Cluster, Failure> {
        Cluster::start_furnished(options, nodes, |_| {}).await
    }

    /// As [`Cluster::start_some`]; `furnish` may change the first machine's data directory before its node starts.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn start_furnished(
        options: &BenchOptions,
        nodes: u32,
        furnish: impl FnOnce(&Path),
    ) -> Result<Cluster, Failure> {
        let temporary = match &options.out {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(Failure::general)?),
        };
        let out = options.out.clone().or_else(|| Some(temporary.as_ref()?.path().to_owned())).unwrap_or_default();
        std::fs::create_dir_all(&out).map_err(Failure::general)?;
        let config = out.join("bench.toml");
        let idle = toml::to_string_pretty(&Config { game: None, ..Config::default() }).map_err(Failure::general)?;
        std::fs::write(&config, idle).map_err(Failure::general)?;
        let mut fleet = Fleet::new(&out, options.nodes)?;
        if let Some(program) = &options.program {
            fleet.program.clone_from(program);
        }
        fleet.arguments.clone_from(&options.arguments);
        let mut cluster = Cluster { fleet, watch: Watch::default(), _temporary: temporary };
        cluster.fleet.init(&config)?;
        furnish(&cluster.fleet.machines[0].data);
        cluster.fleet.start(0)?;
        for index in 1..nodes as usize {
            cluster.add(index).await?;
        }
        cluster.ready(nodes).await?;
        Ok(cluster)
    }

    /// Makes machine `index` a member and starts it.
    ///
    /// # Errors
    /// When the cluster gives no token or the node cannot be made.
    pub async fn add(&mut self, index: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        let token = loop {
            match self.watch.token(&self.fleet).await {
                Ok(token) => break token,
                Err(error) if Instant::now() > deadline => return Err(Failure::new(error.exit_code(), error)),
                Err(_) => tokio::time::sleep(POLL_EVERY).await,
            }
        };
        self.fleet.join(index, &token)?;
        self.fleet.start(index)
    }

    /// Waits until `nodes` nodes are online and vote.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn ready(&mut self, nodes: u32) -> Result<(), Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some((status, footer)) = self.watch.status(&self.fleet).await
                && status.hosts_online == nodes
                && status.voters == nodes
                && footer.leader.is_some()
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = self.fleet.machines[0].log.display().to_string();
                return Err(Failure::new(ExitCode::Timeout, format!("the nodes did not come together; see {log}")));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// The machine whose node leads.
    ///
    /// # Errors
    /// When no leader is known in time.
    pub async fn leader(&mut self) -> Result<usize, Failure> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Some((_, footer)) = self.watch.status(&self.fleet).await
                && let Some(name) = footer.leader
                && let Some(index) = self.fleet.machines.iter().position(|machine| machine.name == name)
            {
                return Ok(index);
            }
            if Instant::now() > deadline {
                return Err(Failure::new(ExitCode::Timeout, "nobody leads"));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// The last record that machine `index` has folded.
    ///
    /// # Errors
    /// When its node does not answer.
    pub async fn seq(&self, index: usize) -> Result<u64, ClientError> {
        let target = Target::of_this_data_dir(&self.fleet.machines[index].data)?;
        let client = Client::connect(&target).await?;
        match client.ask(&Request::Status).await? {
            Response::Rows { footer, .. } => Ok(footer.seq.0),
            other => Err(ClientError::BadAnswer { reason: format!("{other:?}") }),
        }
    }

    /// CPU time of all nodes so far, in microseconds.
    pub fn cpu_us(&self) -> u64 {
        self.processes().map(usage::cpu_us).sum()
    }

    /// Memory of each node, in megabytes.
    pub fn resident_mb(&self) -> Vec<u64> {
        self.processes().map(|process| usage::resident_bytes(process) / 1_000_000).collect()
    }

    /// Disk space of each node, in megabytes.
    pub fn disk_mb(&self) -> Vec<u64> {
        self.fleet.machines.iter().map(|machine| usage::disk_bytes(&machine.data) / 1_000_000).collect()
    }

    fn processes(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.fleet.machines.len()).filter_map(|index| self.fleet.process(index))
    }
}
