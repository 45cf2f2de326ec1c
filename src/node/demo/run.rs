//! The course of a demo.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::chaos::Chaos;
use super::fleet::Fleet;
use super::options::{DemoOptions, make_folder};
use super::preflight;
use super::report::Report;
use super::teller::Teller;
use super::truth::{self, Truth};
use super::watch::Watch;
use crate::cli::{ExitCode, Failure, Printer};
use crate::event::Seq;
use crate::event::membership::MembershipConfig;
use crate::node::api::status::{CampaignStatus, Status};
use crate::node::api::{ClientError, Footer};

/// How often the nodes are asked how it goes.
const POLL_EVERY: Duration = Duration::from_millis(400);
/// How long the cluster may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the nodes may take to agree at the end.
const AGREE_TIMEOUT: Duration = Duration::from_secs(60);
/// A demo that gets nowhere for this long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(600);

/// A demo on its way.
pub struct Demo {
    out: PathBuf,
    fleet: Fleet,
    watch: Watch,
    chaos: Option<Chaos>,
    teller: Teller,
    options: DemoOptions,
}

impl Demo {
    /// Prepares the folder and the machines.
    ///
    /// # Errors
    /// When no worker starts, the folder is in use or no ports are free.
    pub fn new(options: DemoOptions) -> Result<Demo, Failure> {
        preflight::worker_starts(&std::env::current_exe().map_err(Failure::general)?.with_file_name(truth::WORKER))?;
        let out = make_folder(options.out.as_deref())?;
        let fleet = Fleet::new(&out, options.nodes)?;
        let chaos = options.chaos.then(|| Chaos::new(options.seed));
        Ok(Demo { out, fleet, watch: Watch::default(), chaos, teller: Teller::new(), options })
    }

    /// Runs the campaign and reports. Ends with [`ExitCode::Unhealthy`] when nothing was promoted or the nodes disagree.
    ///
    /// # Errors
    /// When a node cannot be started or the campaign gets nowhere.
    pub async fn run(mut self, mut printer: Printer) -> Result<ExitCode, Failure> {
        let mut interrupts = signal(SignalKind::interrupt()).map_err(Failure::general)?;
        let mut terminations = signal(SignalKind::terminate()).map_err(Failure::general)?;
        let report = tokio::select! {
            report = self.campaign() => report,
            _ = interrupts.recv() => Err(Failure::new(ExitCode::Interrupted, "interrupted")),
            _ = terminations.recv() => Err(Failure::new(ExitCode::Interrupted, "interrupted")),
        };
        self.teller.end();
        let stopped = self.fleet.stop();
        let (mut report, weights) = report?;
        stopped?;
        report.truth = self.examine(weights.as_deref());
        self.print(&report, &mut printer)?;
        match report.problem() {
            None => Ok(ExitCode::Ok),
            Some(problem) => Err(Failure::new(ExitCode::Unhealthy, problem)),
        }
    }

    /// Asks the solver about the champion, now that the machine is free. A demo does not fail for want of it.
    fn examine(&mut self, weights: Option<&str>) -> Option<Truth> {
        let game = self.options.config.game.as_ref()?;
        if !truth::is_solved(&game.0) {
            return None;
        }
        let weights = weights?;
        self.teller.say("examining the champion on solved positions");
        let examined = truth::examine(&self.fleet.machines, weights);
        examined.inspect_err(|error| self.teller.say(&format!("the champion could not be examined: {error}"))).ok()
    }

    /// The report, and the hash of the champion's weights.
    async fn campaign(&mut self) -> Result<(Report, Option<String>), Failure> {
        self.assemble().await?;
        let (campaign, footer) = self.follow().await?;
        self.bring_all_up(&footer)?;
        let agreed_at = self.agree().await;
        let events = self.watch.counts(&self.fleet).await;
        let seconds = self.teller.elapsed().as_secs();
        let mut report = Report::new(&self.out, seconds, campaign, events);
        report.kills = self.chaos.as_ref().map_or(0, |chaos| chaos.kills);
        report.agreed_at = agreed_at;
        let weights = match &report.champion {
            Some(champion) => self.watch.weights(&self.fleet, champion).await,
            None => None,
        };
        Ok((report, weights))
    }

    /// Makes the cluster and starts all nodes.
    async fn assemble(&mut self) -> Result<(), Failure> {
        let config = self.out.join("campaign.toml");
        let text = toml::to_string_pretty(&self.options.config).map_err(Failure::general)?;
        std::fs::write(&config, text).map_err(Failure::general)?;
        let names: Vec<String> = self.fleet.machines.iter().map(|machine| machine.name.clone()).collect();
        self.teller.say(&format!("starting {} nodes in {}", names.len(), self.out.display()));
        self.fleet.init(&config)?;
        self.fleet.start(0)?;
        for index in 1..names.len() {
            let token = self.token().await?;
            self.fleet.join(index, &token)?;
            self.fleet.start(index)?;
        }
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            self.check_processes();
            if let Some((status, footer)) = self.watch.status(&self.fleet).await
                && (status.hosts_online, status.voters) == (self.options.nodes, voters_of(self.options.nodes))
            {
                // Before all seats are taken, the loss of one node may be the loss of the quorum.
                let leader = footer.leader.unwrap_or_default();
                let Status { hosts_online, voters, .. } = status;
                self.teller.say(&format!("{hosts_online} nodes are online, {voters} vote, {leader} leads"));
                return Ok(());
            }
            if Instant::now() > deadline {
                let log = self.fleet.machines[0].log.display().to_string();
                return Err(Failure::new(ExitCode::Timeout, format!("the nodes did not come online; see {log}")));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// A join token, as soon as the first node leads.
    async fn token(&mut self) -> Result<String, Failure> {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            match self.watch.token(&self.fleet).await {
                Ok(token) => return Ok(token),
                Err(
                    error @ (ClientError::NotRunning { .. } | ClientError::Unreachable { .. } | ClientError::Net(_)),
                ) => {
                    self.check_first_node(&error)?;
                }
                Err(ClientError::Refused { code, .. }) if code == "unavailable" => {}
                Err(error) => return Err(Failure::new(error.exit_code(), error)),
            }
            if Instant::now() > deadline {
                return Err(Failure::new(ExitCode::Timeout, "the first node did not start in time"));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    fn check_first_node(&mut self, error: &ClientError) -> Result<(), Failure> {
        match self.fleet.ended().into_iter().find(|(index, _)| *index == 0) {
            None => Ok(()),
            Some((_, status)) => {
                let log = self.fleet.machines[0].log.display().to_string();
                Err(Failure::general(format!("the first node ended with {status}: {error}; see {log}")))
            }
        }
    }

    /// Shows how it goes until the campaign is completed.
    async fn follow(&mut self) -> Result<(CampaignStatus, Footer), Failure> {
        let mut last = (Seq(0), Instant::now());
        loop {
            self.check_processes();
            if let Some((status, footer)) = self.watch.status(&self.fleet).await {
                self.teller.show(&status, &footer);
                if status.seq > last.0 {
                    last = (status.seq, Instant::now());
                }
                if let Some(chaos) = &mut self.chaos {
                    chaos.act(&mut self.fleet, &status, &footer, &mut self.teller)?;
                }
                if let Some(campaign) = completed(status) {
                    return Ok((campaign, footer));
                }
            }
            if last.1.elapsed() > STALL_TIMEOUT {
                let message = format!(
                    "nothing happened for {} s; see the logs in {}",
                    STALL_TIMEOUT.as_secs(),
                    self.out.display()
                );
                return Err(Failure::new(ExitCode::Timeout, message));
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
    }

    /// Tells of nodes that have ended by themselves, or by somebody's hand.
    fn check_processes(&mut self) {
        for (index, status) in self.fleet.ended() {
            let machine = &self.fleet.machines[index];
            let words = format!(
                "{} ended ({status}); the others go on. Start it again with: kifu-node start --data {}",
                machine.name,
                machine.data.display()
            );
            self.teller.say(&words);
        }
    }

    /// Starts nodes that do not run, so that all can be compared.
    fn bring_all_up(&mut self, footer: &Footer) -> Result<(), Failure> {
        if let Some(chaos) = &mut self.chaos {
            chaos.finish(&mut self.fleet, &mut self.teller)?;
        }
        for index in 0..self.fleet.machines.len() {
            if !self.fleet.runs(index) {
                let words =
                    format!("starting {} for the comparison at {}", self.fleet.machines[index].name, footer.seq);
                self.teller.say(&words);
                self.fleet.start(index)?;
            }
        }
        Ok(())
    }

    /// Waits until all nodes have the same state at the same position. `None` when they never do.
    async fn agree(&mut self) -> Option<Seq> {
        let deadline = Instant::now() + AGREE_TIMEOUT;
        while Instant::now() < deadline {
            let mut digests = vec![];
            for index in 0..self.fleet.machines.len() {
                digests.push(self.watch.digest(&self.fleet, index).await);
            }
            if let Some(Some((seq, digest))) = digests.first().copied()
                && digests.iter().all(|other| *other == Some((seq, digest)))
            {
                self.teller.say(&format!("all nodes have the same state at {seq}: digest {}", digest.short()));
                return Some(seq);
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        None
    }

    fn print(&self, report: &Report, printer: &mut Printer) -> Result<(), Failure> {
        if printer.format().is_for_programs() {
            let value = serde_json::to_value(report).map_err(Failure::general)?;
            return printer.object(&value).map_err(Failure::general);
        }
        let programs =
            std::env::current_exe().ok().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default();
        let print = |printer: &mut Printer| -> std::io::Result<()> {
            printer.rows(&report.table())?;
            printer.text("")?;
            printer.rows(&report.events_table())?;
            printer.text("")?;
            if let Some(truth) = &report.truth {
                printer.text(truth.line())?;
                printer.text("")?;
            }
            let agreed =
                report.agreed_at.map_or("the nodes disagree".to_owned(), |seq| format!("all nodes agree at {seq}"));
            printer.text(format!(
                "{} promotions, {} kills, {agreed}, {} s. Try next:",
                report.promotions(),
                report.kills,
                report.seconds
            ))?;
            report.next_steps(&programs).into_iter().try_for_each(|line| printer.text(format!("  {line}")))
        };
        print(printer).map_err(Failure::general)
    }
}

fn completed(status: Status) -> Option<CampaignStatus> {
    status.campaign.filter(|campaign| campaign.completed)
}

/// How many of so many nodes vote by default: at most three, and an odd number.
fn voters_of(nodes: u32) -> u32 {
    match nodes.min(MembershipConfig::default().voters) {
        even if even.is_multiple_of(2) => even.saturating_sub(1),
        odd => odd,
    }
}
