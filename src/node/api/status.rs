//! How the node and the cluster are, in one row: what `status` shows and the demo follows.

use serde::{Deserialize, Serialize};

use super::projections::ProjectionStatus;
use crate::event::campaign::Stage;
use crate::event::cluster::QuorumHealth;
use crate::event::evaluation::{MatchTally, Score};
use crate::event::training::TrainingProgress;
use crate::event::{GameKey, JobId, Millis, Seq, Term};
use crate::policy::repair::{Shortage, shortage};
use crate::policy::teaching::games_wanted;
use crate::projection::State;
use crate::projection::campaign::{CampaignRow, Generation, Overdue, Phase, Verdict};
use crate::projection::key::GenerationKey;

/// How the node and the cluster are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The node's name.
    pub id: String,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// The leader's name, while there are signs that it leads; for a moment of the past, the one that the log names.
    pub leader: Option<String>,
    /// The term of that leader.
    pub term: Term,
    /// The last record folded.
    pub seq: Seq,
    /// How far the cluster is from losing its quorum; lost while nobody leads, as far as this node can know.
    pub health: QuorumHealth,
    /// Members that vote.
    pub voters: u32,
    /// Members.
    pub hosts: u32,
    /// Members that are online.
    pub hosts_online: u32,
    /// Jobs that wait.
    pub jobs_queued: u32,
    /// The job that has waited longest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_queued: Option<QueuedStatus>,
    /// Jobs that run.
    pub jobs_running: u32,
    /// Blobs that lie on too few online hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies_missing: Option<ShortageStatus>,
    /// The campaign, once there is one.
    pub campaign: Option<CampaignStatus>,
    /// The format version that every member reads.
    #[serde(default)]
    pub version: u32,
    /// Why this node stands still, when its build cannot read the log any further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade_needed: Option<String>,
    /// Whether this node's disk is full: it acknowledges nothing new until there is space again.
    #[serde(default)]
    pub disk_full: bool,
    /// Bytes that are left on this node's disk, when it is nearly full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_low: Option<u64>,
    /// How the answering node's projections are. Figures above that come from one that stopped are old.
    #[serde(default)]
    pub projections: Vec<ProjectionStatus>,
}

/// A job that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuedStatus {
    /// The job.
    pub job: JobId,
    /// Since when.
    pub since: Millis,
}

/// Blobs that lie on too few online hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortageStatus {
    /// How many they are.
    pub blobs: u32,
    /// Since when a copy of one of them is wanted at the latest.
    pub since: Millis,
}

/// Where the campaign stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CampaignStatus {
    /// The game.
    pub game: GameKey,
    /// The generation that is being made.
    pub generation: u32,
    /// The last generation wanted.
    pub generations: u32,
    /// What it is at.
    pub phase: Phase,
    /// What is waited for, in words.
    pub waits_for: String,
    /// The champion's id.
    pub champion: Option<String>,
    /// Games verified for this generation.
    pub games_verified: u64,
    /// Games recorded for this generation, verified or not.
    pub games_recorded: u64,
    /// Games wanted.
    pub games_target: u64,
    /// Positions verified for this generation.
    pub positions: u64,
    /// How training goes.
    pub training: Option<TrainingProgress>,
    /// The gauntlet that runs.
    pub matches: Vec<MatchStatus>,
    /// Generations decided so far, oldest first.
    pub decided: Vec<GenerationStatus>,
    /// Scores of the exam, once it is over.
    pub exam: Vec<Score>,
    /// True when all is done.
    pub completed: bool,
    /// Stages that take longer than their limits now.
    #[serde(default)]
    pub overdue: Vec<OverdueStatus>,
}

/// A stage that takes longer than its limit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OverdueStatus {
    /// The stage.
    pub stage: Stage,
    /// The generation.
    pub generation: u32,
    /// Since when it has been at it.
    pub since: Millis,
    /// The limit, in milliseconds.
    pub limit_ms: u64,
}

/// Games against one opponent so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MatchStatus {
    /// The opponent.
    pub opponent: String,
    /// Games planned.
    pub games: u32,
    /// What was played; the interval is that of the games so far.
    pub score: Score,
}

/// A generation that was decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GenerationStatus {
    /// The generation.
    pub generation: u32,
    /// What came of it.
    pub verdict: Verdict,
    /// Games verified for it.
    pub games: u64,
    /// Positions in its dataset.
    pub samples: u64,
    /// The last figures of its training.
    pub training: Option<TrainingProgress>,
    /// The evidence.
    pub scores: Vec<Score>,
    /// The record that decided it.
    pub seq: Option<Seq>,
}

impl Status {
    /// The status of a state, as seen by the node called `id`.
    pub fn of(id: &str, state: &State) -> Status {
        let leadership = state.leadership.current();
        let name = |host| state.hosts.get(host).map(|host| host.name.clone());
        let longest = state.jobs.longest_queued();
        Status {
            id: id.to_owned(),
            cluster: state.cluster.get().map(|cluster| cluster.name.clone()),
            leader: leadership.and_then(|leadership| name(leadership.leader)),
            term: leadership.map(|leadership| leadership.term).unwrap_or_default(),
            seq: state.seq,
            health: state.quorum.get().map(|quorum| quorum.health).unwrap_or_default(),
            voters: state.quorum.get().map_or(0, |quorum| quorum.voters.len() as u32),
            hosts: state.hosts.table.len() as u32,
            hosts_online: state.hosts.online().count() as u32,
            jobs_queued: state.jobs.queued().count() as u32,
            longest_queued: longest.map(|job| QueuedStatus { job: job.job.clone(), since: job.queued_at }),
            jobs_running: state.jobs.held().count() as u32,
            copies_missing: shortage(state).map(|Shortage { blobs, since }| ShortageStatus { blobs, since }),
            campaign: CampaignStatus::of(state),
            version: state.membership.version(),
            upgrade_needed: None,
            disk_full: false,
            disk_low: None,
            projections: super::projections::rows(state, state.seq, None),
        }
    }
}

impl CampaignStatus {
    fn of(state: &State) -> Option<CampaignStatus> {
        let config = state.config.get()?;
        let game = config.config.game.clone()?;
        let row = state.campaign.get(&game)?;
        let current = state.campaign.current(&game);
        let key = GenerationKey { game: game.clone(), generation: row.generation };
        let verified = state.games.of_generation(&key).filter_map(|batch| batch.tally.as_ref());
        let (games_verified, positions) = verified
            .fold((0, 0), |(games, positions), tally| (games + u64::from(tally.games), positions + tally.positions));
        let mut status = CampaignStatus {
            generation: row.generation,
            generations: config.config.generations,
            phase: row.phase,
            waits_for: String::new(),
            champion: state.models.champion(&game).map(|champion| champion.model.to_string()),
            games_verified,
            games_recorded: state.games.of_generation(&key).map(|batch| u64::from(batch.games)).sum(),
            games_target: current.map_or(config.config.self_play.games, |it| games_wanted(&config.config, it)).into(),
            positions,
            training: current.and_then(|generation| training(state, generation)),
            matches: current.map(|generation| matches(state, row, generation)).unwrap_or_default(),
            decided: decided(state, &game),
            exam: row.exam.clone(),
            completed: row.phase == Phase::Completed,
            overdue: row.overdue.iter().filter(|known| known.ended_seq.is_none()).map(overdue).collect(),
            game,
        };
        status.waits_for = status.describe_wait(state);
        Some(status)
    }

    fn describe_wait(&self, state: &State) -> String {
        if state.hosts.online().count() == 0 {
            return "a host to come online".to_owned();
        }
        match self.phase {
            Phase::Starting => "random weights for generation 0".to_owned(),
            Phase::SelfPlay => {
                let unverified = self.games_recorded.saturating_sub(self.games_verified);
                let missing = self.games_target.saturating_sub(self.games_verified);
                format!("{missing} more verified games ({unverified} wait for their replay)")
            }
            Phase::Training => match &self.training {
                Some(progress) => format!("{} more training steps", progress.steps.saturating_sub(progress.step)),
                None => "a host to start training".to_owned(),
            },
            Phase::Gauntlet | Phase::Exam => {
                let missing: u32 = self.matches.iter().map(|row| row.games.saturating_sub(row.score.games)).sum();
                format!("{missing} more games of the gauntlet")
            }
            Phase::Decided => "the next generation to open".to_owned(),
            Phase::Completed => "nothing".to_owned(),
        }
    }
}

fn overdue(known: &Overdue) -> OverdueStatus {
    let Overdue { stage, generation, since, limit_ms, .. } = *known;
    OverdueStatus { stage, generation, since, limit_ms }
}

fn training(state: &State, generation: &Generation) -> Option<TrainingProgress> {
    let run = generation.runs.last()?;
    state.training.get(run)?.progress.clone()
}

fn matches(state: &State, row: &CampaignRow, generation: &Generation) -> Vec<MatchStatus> {
    let gauntlet = match row.phase {
        Phase::Exam => row.exam_gauntlet.as_ref(),
        Phase::Gauntlet => generation.gauntlet.as_ref(),
        _ => None,
    };
    let Some(gauntlet) = gauntlet.and_then(|gauntlet| state.gauntlets.get(gauntlet)) else { return vec![] };
    let seats = crate::policy::seats::seats(&gauntlet.game);
    let status = |opponent: &crate::projection::gauntlets::Opponent| {
        let name = opponent.plan.opponent.name();
        MatchStatus {
            opponent: name.clone(),
            games: opponent.plan.pairs.saturating_mul(seats),
            score: score(name, &opponent.tally),
        }
    };
    gauntlet.opponents.iter().map(status).collect()
}

fn score(opponent: String, tally: &MatchTally) -> Score {
    Score::from_tally(opponent, tally)
}

fn decided(state: &State, game: &GameKey) -> Vec<GenerationStatus> {
    let rows = state.campaign.generations.values().filter(|row| row.game == *game);
    let status = |row: &Generation| {
        let dataset = row.dataset.as_ref().and_then(|dataset| state.datasets.get(dataset));
        let key = GenerationKey { game: game.clone(), generation: row.generation };
        let games = state.games.of_generation(&key).filter_map(|batch| batch.tally.as_ref());
        let model = row.candidate.as_ref().and_then(|model| state.models.get(model));
        Some(GenerationStatus {
            generation: row.generation,
            verdict: row.verdict?,
            games: games.map(|tally| u64::from(tally.games)).sum(),
            samples: dataset.map_or(0, |dataset| dataset.positions),
            training: training(state, row),
            scores: model.and_then(|model| model.verdict.clone()).map(|verdict| verdict.evidence).unwrap_or_default(),
            seq: row.decided_seq,
        })
    };
    rows.filter_map(status).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::jobs::JobQueued;
    use crate::event::samples::sample;
    use crate::event::{Event, Kind};
    use crate::projection::testing::given;

    #[test]
    fn the_job_that_has_waited_longest_is_known() {
        let Event::JobQueued(first) = sample(Kind::JobQueued) else { panic!("its sample") };
        let urgent = JobQueued { job: JobId::new("job/urgent"), priority: 99, ..first.clone() };
        let state = given([first.clone().into(), urgent.into()]);
        let longest = Status::of("n1", &state).longest_queued;
        assert_eq!(longest, Some(QueuedStatus { job: first.job, since: Millis(1_000) }), "not the first to be claimed");
        assert_eq!(Status::of("n1", &State::new()).longest_queued, None);
    }
}
