//! Machines for tests: a data directory and a node process on it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kifu::cli::ExitCode;
use kifu::node::api::status::Status;
use kifu::node::api::{Client, Request, Response, Target};
use kifu::node::ports::free_address;

/// Longer than anything takes on a busy machine. Tests wait for conditions, not for times.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A data directory and the node that runs on it. The node dies with it.
pub struct Machine {
    pub data: PathBuf,
    pub listen: String,
    pub http: String,
    name: String,
    child: Option<Child>,
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kifu-node"));
    command.env_remove("KIFU_DATA").env_remove("KIFU_LOG").stdin(Stdio::null());
    command
}

/// The exit code and the words of a run that ends by itself.
pub fn ended(output: &Output) -> (i32, String) {
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

impl Machine {
    pub fn new(folder: &Path, name: &str) -> Machine {
        Machine {
            data: folder.join(name),
            listen: free_address().expect("a port"),
            http: free_address().expect("a port"),
            name: name.to_owned(),
            child: None,
        }
    }

    /// Runs a verb that makes the data directory.
    pub fn make(&self, words: &[&str]) -> Output {
        program()
            .args(words)
            .arg("--data")
            .arg(&self.data)
            .args(["--name", &self.name, "--listen", &self.listen, "--http", &self.http])
            .output()
            .expect("the program runs")
    }

    /// Makes a cluster with this machine as its first node.
    pub fn init(&self, words: &[&str]) {
        let output = self.make(&[&["init"], words].concat());
        assert!(output.status.success(), "{}", ended(&output).1);
    }

    /// Makes this machine a member of `first`'s cluster.
    pub fn join(&self, first: &Machine, words: &[&str]) {
        let token = first.token();
        let output = self.make(&[&["join", "--token", &token], words].concat());
        assert!(output.status.success(), "{}", ended(&output).1);
    }

    /// A join token, of a cluster that may be without a leader for a moment.
    pub fn token(&self) -> String {
        let (unavailable, deadline) = (i32::from(ExitCode::Unavailable.number()), Instant::now() + PATIENCE);
        loop {
            let output = program().args(["token", "create", "--data"]).arg(&self.data).output().expect("it runs");
            let (code, words) = ended(&output);
            if code == 0 {
                return String::from_utf8(output.stdout).expect("text").trim().to_owned();
            }
            assert!(code == unavailable && Instant::now() < deadline, "{code}: {words}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, with more arguments.
    pub fn start_with(&mut self, words: &[&str]) {
        let log = std::fs::File::options().create(true).append(true).open(self.data.with_extension("log"));
        let child = program()
            .args(["start", "--data"])
            .arg(&self.data)
            .args(words)
            .stdout(Stdio::null())
            .stderr(log.expect("a log file"))
            .spawn();
        self.child = Some(child.expect("the program starts"));
    }

    /// As a power cut.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Asks the node to stop, and returns its exit code.
    pub fn stop(&mut self) -> i32 {
        self.signal(rustix::process::Signal::TERM);
        let mut child = self.child.take().expect("it runs");
        child.wait().expect("it ends").code().unwrap_or(-1)
    }

    /// Has the process stand still, and its clock run on.
    pub fn pause(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Has it go on.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let child = self.child.as_ref().expect("it runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).expect("it takes signals");
    }

    /// The only response to a request, or why there is none.
    pub async fn ask(&self, request: &Request) -> Result<Response, String> {
        let target = Target::of_this_data_dir(&self.data).map_err(|error| error.to_string())?;
        let client = Client::connect(&target).await.map_err(|error| error.to_string())?;
        client.ask(request).await.map_err(|error| error.to_string())
    }

    pub async fn rows(&self, request: &Request) -> Vec<serde_json::Value> {
        match self.ask(request).await {
            Ok(Response::Rows { rows, .. }) => rows,
            _ => vec![],
        }
    }

    pub async fn status(&self) -> Option<Status> {
        serde_json::from_value(self.rows(&Request::Status).await.pop()?).ok()
    }

    /// Waits until the node's status is as wanted.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        while Instant::now() < deadline {
            last = self.status().await;
            if let Some(status) = last.as_ref().filter(|status| wanted(status)) {
                return status.clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let log = std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default();
        panic!("{} waits in vain for {what}; last status {last:?}; log:\n{log}", self.name);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}
