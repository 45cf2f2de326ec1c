//! The demo's processes: one node program for each machine.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::cli::{ExitCode, Failure};
use crate::node::layout::{Layout, Runtime};
use crate::node::ports::free_address;

/// How long a node may take to stop when asked.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A machine of the demo: a data directory and the node that runs on it.
pub struct Machine {
    /// What the node is called.
    pub name: String,
    /// Its data directory.
    pub data: PathBuf,
    /// Where its log goes.
    pub log: PathBuf,
    listen: String,
    http: String,
    child: Option<Child>,
}

/// All machines.
pub struct Fleet {
    /// The node program.
    pub program: PathBuf,
    /// Further arguments of `start`.
    pub arguments: Vec<String>,
    /// The machines, in order of name.
    pub machines: Vec<Machine>,
}

impl Fleet {
    /// Machines `n1` to `n{count}` below `out`, on free ports.
    ///
    /// # Errors
    /// When no ports are free or this program cannot find itself.
    pub fn new(out: &Path, count: u32) -> Result<Fleet, Failure> {
        let program = std::env::current_exe().map_err(Failure::general)?;
        let mut machines = vec![];
        for number in 1..=count {
            let name = format!("n{number}");
            machines.push(Machine {
                data: out.join(&name),
                log: out.join(format!("{name}.log")),
                listen: free_address().map_err(Failure::general)?,
                http: free_address().map_err(Failure::general)?,
                name,
                child: None,
            });
        }
        Ok(Fleet { program, arguments: vec![], machines })
    }

    /// Makes the cluster on the first machine.
    ///
    /// # Errors
    /// When the node program fails.
    pub fn init(&self, config: &Path) -> Result<(), Failure> {
        let config = config.display().to_string();
        self.make(0, &["init", "--cluster", "demo", "--config", &config])
    }

    /// Makes machine `index` a member.
    ///
    /// # Errors
    /// When the node program fails.
    pub fn join(&self, index: usize, token: &str) -> Result<(), Failure> {
        self.make(index, &["join", "--token", token])
    }

    fn make(&self, index: usize, words: &[&str]) -> Result<(), Failure> {
        let machine = &self.machines[index];
        let output = Command::new(&self.program)
            .args(words)
            .arg("--data")
            .arg(&machine.data)
            .args(["--name", &machine.name, "--listen", &machine.listen, "--http", &machine.http])
            .stdin(Stdio::null())
            .output()
            .map_err(Failure::general)?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(Failure::general(format!("{} could not be made: {}", machine.name, words.trim())))
    }

    /// Starts the node of machine `index`. It stops when this process ends, however that happens.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub fn start(&mut self, index: usize) -> Result<(), Failure> {
        let machine = &mut self.machines[index];
        let log = OpenOptions::new().create(true).append(true).open(&machine.log).map_err(Failure::general)?;
        let child = Command::new(&self.program)
            .args(["start", "--stop-with-stdin", "--data"])
            .arg(&machine.data)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(Failure::general)?;
        machine.child = Some(child);
        Ok(())
    }

    /// Kills the node of machine `index` as a power cut would.
    pub fn kill(&mut self, index: usize) {
        if let Some(mut child) = self.machines[index].child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Asks the node of machine `index` to stop, and returns at once.
    pub fn terminate(&self, index: usize) {
        self.signal(index, Signal::TERM);
    }

    /// Lets the node of machine `index` stand still, as a machine does that is out of memory, or paused by its host.
    pub fn pause(&self, index: usize) {
        self.signal(index, Signal::STOP);
    }

    /// Ends a pause.
    pub fn resume(&self, index: usize) {
        self.signal(index, Signal::CONT);
    }

    fn signal(&self, index: usize, signal: Signal) {
        if let Some(pid) = self.machines[index].pid() {
            rustix::process::kill_process(pid, signal).ok();
        }
    }

    /// The process of the node of machine `index`, while one runs.
    pub fn process(&self, index: usize) -> Option<u32> {
        self.machines[index].pid().map(|pid| pid.as_raw_nonzero().get() as u32)
    }

    /// Nodes that have ended since the last call, without having been asked to.
    pub fn ended(&mut self) -> Vec<(usize, ExitStatus)> {
        let mut ended = vec![];
        for (index, machine) in self.machines.iter_mut().enumerate() {
            if let Some(status) = machine.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
                machine.child = None;
                ended.push((index, status));
            }
        }
        ended
    }

    /// Whether a node runs on machine `index`, started by this demo or by hand.
    pub fn runs(&self, index: usize) -> bool {
        self.machines[index].child.is_some() || self.machines[index].foreign_pid().is_some()
    }

    /// Asks all nodes to stop and waits until they have.
    ///
    /// # Errors
    /// When a node does not stop in time or stops with an error.
    pub fn stop(&mut self) -> Result<(), Failure> {
        let mut problems = vec![];
        for machine in &mut self.machines {
            if let Some(pid) = machine.pid() {
                rustix::process::kill_process(pid, Signal::TERM).ok();
            }
        }
        let deadline = Instant::now() + STOP_TIMEOUT;
        for machine in &mut self.machines {
            let Some(mut child) = machine.child.take() else { continue };
            match wait_until(&mut child, deadline) {
                Some(status) if status.success() => {}
                Some(status) => {
                    problems.push(format!("{} ended with {status}, see {}", machine.name, machine.log.display()))
                }
                None => {
                    child.kill().ok();
                    child.wait().ok();
                    problems.push(format!("{} did not stop within {} s", machine.name, STOP_TIMEOUT.as_secs()));
                }
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(ExitCode::Failure, problems.join("; "))),
        }
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for index in 0..self.machines.len() {
            self.kill(index);
        }
    }
}

impl Machine {
    fn pid(&self) -> Option<rustix::process::Pid> {
        match &self.child {
            Some(child) => rustix::process::Pid::from_raw(child.id() as i32),
            None => self.foreign_pid(),
        }
    }

    /// The process of a node that somebody else started on this data directory.
    fn foreign_pid(&self) -> Option<rustix::process::Pid> {
        if self.child.is_some() {
            return None;
        }
        let layout = Layout::new(&self.data);
        let runtime: Runtime = layout.load_json(&layout.runtime()).ok().flatten()?;
        let pid = rustix::process::Pid::from_raw(runtime.pid as i32)?;
        rustix::process::test_kill_process(pid).ok().map(|()| pid)
    }
}

fn wait_until(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
