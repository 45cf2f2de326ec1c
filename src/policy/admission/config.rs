//! The configuration: refused when it cannot work, before it does harm.

use super::Refusal;
use super::text::is_name;
use crate::event::command::Configure;
use crate::event::config::{Config, ConfigChanged, TrainConfig};
use crate::event::judgement::SequentialRule;
use crate::event::{Real, Seq};
use crate::policy::limits::{HEARTBEAT_EVERY_MS, HEARTBEATS_MISSED_MIN, NAME_BYTES_MAX};
use crate::policy::view::Decision;
use crate::projection::State;

/// Pairs against one opponent.
const PAIRS_MAX: u32 = 100_000;
/// Jobs for the pairs against one opponent: their list is part of a row.
const CHUNKS_MAX: u32 = 1_000;
/// The shortest silence after which a host may count as offline (decision 18).
pub const HOST_TIMEOUT_MS_MIN: u64 = HEARTBEATS_MISSED_MIN * HEARTBEAT_EVERY_MS;
/// Elo beyond which a difference in strength cannot be told from any other.
const ELO_MAX: f64 = 1_000.0;
/// The least step from H0 to H1, in Elo.
const ELO_STEP_MIN: f64 = 0.1;
/// Games, steps, simulations: more is a slip of the finger.
const COUNT_MAX: u32 = 100_000_000;

pub(super) fn change(state: &State, command: &Configure) -> Result<Vec<Decision>, Refusal> {
    check(&command.config)?;
    if command.actor.len() > NAME_BYTES_MAX {
        return Err(Refusal::BadConfig { reason: "the actor's name is too long".to_owned() });
    }
    let row = state.config.get();
    if row.is_some_and(|row| row.config == command.config) {
        return Ok(vec![]);
    }
    let event = ConfigChanged { config: command.config.clone(), actor: command.actor.clone() };
    Ok(vec![Decision::new(event, [row.map_or(Seq(0), |row| row.changed_seq)])])
}

/// Whether a cluster can run by this configuration.
///
/// # Errors
/// [`Refusal::BadConfig`] with the first line that cannot work.
pub fn check(config: &Config) -> Result<(), Refusal> {
    let broken = lines(config).into_iter().find(|(holds, _)| !holds);
    broken.map_or(Ok(()), |(_, reason)| Err(Refusal::BadConfig { reason: reason.to_owned() }))
}

type Line = (bool, &'static str);

/// What must hold, in words.
fn lines(config: &Config) -> Vec<Line> {
    [campaign_lines(config), training_lines(&config.train), gauntlet_lines(config), judgement_lines(config)].concat()
}

fn count(value: u32) -> bool {
    (1..=COUNT_MAX).contains(&value)
}

fn share(value: Real) -> bool {
    (Real::ZERO..=Real::ONE).contains(&value)
}

fn campaign_lines(config: &Config) -> Vec<Line> {
    let (play, dataset, cluster) = (&config.self_play, &config.dataset, &config.cluster);
    vec![
        (config.game.as_ref().is_none_or(|game| is_name(&game.0)), "game must be a plain name"),
        (is_name(&config.net), "net must be a plain name"),
        (config.generations <= 1_000_000, "generations must be at most 1000000"),
        (count(play.games), "self_play.games must be from 1 to 100000000"),
        (count(play.games_per_job), "self_play.games_per_job must be at least 1"),
        (count(play.simulations), "self_play.simulations must be at least 1"),
        (count(play.considered), "self_play.considered must be at least 1"),
        ((1..=1_000).contains(&config.teacher.games_factor), "teacher.games_factor must be from 1 to 1000"),
        (dataset.window > 0, "dataset.window must be at least 1"),
        (dataset.elo_below_max >= Real::ZERO, "dataset.elo_below_max must not be negative; 0 leaves nobody out"),
        (share(dataset.quality_min), "dataset.quality_min must be from 0 to 1"),
        (share(dataset.coverage_min), "dataset.coverage_min must be from 0 to 1"),
        (
            cluster.host_timeout_ms >= HOST_TIMEOUT_MS_MIN,
            "cluster.host_timeout_ms must be at least 600: hosts say every 200 ms that they live, and two lost heartbeats prove nothing",
        ),
        (cluster.lease_ms >= 100, "cluster.lease_ms must be at least 100"),
        (count(cluster.attempts_max), "cluster.attempts_max must be at least 1"),
        ((1..=1_000).contains(&cluster.copies_min), "cluster.copies_min must be from 1 to 1000"),
    ]
}

fn training_lines(train: &TrainConfig) -> Vec<Line> {
    let below_one = |value: Real| share(value) && value < Real::ONE;
    vec![
        (count(train.steps), "train.steps must be at least 1"),
        (count(train.batch), "train.batch must be at least 1"),
        (train.adamw_rate > Real::ZERO, "train.adamw_rate must be above 0"),
        (train.adamw_decay >= Real::ZERO, "train.adamw_decay must not be negative"),
        (train.value_weight >= Real::ZERO, "train.value_weight must not be negative"),
        (train.gradient_norm_max > Real::ZERO, "train.gradient_norm_max must be above 0"),
        (train.loss_growth_max > Real::ONE, "train.loss_growth_max must be above 1"),
        (below_one(train.average_decay), "train.average_decay must be from 0 to below 1"),
        (below_one(train.validation_share), "train.validation_share must be from 0 to below 1"),
        (count(train.patience), "train.patience must be at least 1"),
    ]
}

fn gauntlet_lines(config: &Config) -> Vec<Line> {
    let (gauntlet, groups_max) = (&config.gauntlet, config.judgement.groups_max);
    let all_pairs = [
        groups_max,
        gauntlet.random_pairs,
        gauntlet.alpha_beta_pairs,
        gauntlet.exam_random_pairs,
        gauntlet.exam_origin_pairs,
    ];
    let pairs_fit = |pairs: &u32| *pairs <= PAIRS_MAX && pairs.div_ceil(gauntlet.pairs_per_job.max(1)) <= CHUNKS_MAX;
    let enough = |pairs: u32| pairs.saturating_mul(2) >= config.gate.games_min && pairs > 0;
    vec![
        (count(gauntlet.simulations), "gauntlet.simulations must be at least 1"),
        (count(gauntlet.considered), "gauntlet.considered must be at least 1"),
        (count(gauntlet.pairs_per_job), "gauntlet.pairs_per_job must be at least 1"),
        (
            all_pairs.iter().all(pairs_fit),
            "gauntlet: at most 100000 pairs, those of judgement.groups_max too, and 1000 jobs against one opponent",
        ),
        (gauntlet.exam_random_pairs > 0, "gauntlet.exam_random_pairs must be at least 1"),
        (share(config.gate.champion_low_min), "gate.champion_low_min must be from 0 to 1"),
        (share(config.gate.random_rate_min), "gate.random_rate_min must be from 0 to 1"),
        (enough(groups_max), "gate.games_min can never be met with judgement.groups_max"),
        (enough(gauntlet.random_pairs), "gate.games_min can never be met with gauntlet.random_pairs"),
        (
            gauntlet.alpha_beta_pairs == 0 || enough(gauntlet.alpha_beta_pairs),
            "gate.games_min can never be met with gauntlet.alpha_beta_pairs",
        ),
    ]
}

fn judgement_lines(config: &Config) -> Vec<Line> {
    let judgement = &config.judgement;
    let elo = |value: Option<Real>| value.is_none_or(|elo| (-ELO_MAX..=ELO_MAX).contains(&elo.to_f64()));
    let error = |chance: Real| (Real(1_000)..Real(500_000)).contains(&chance);
    let elo0 = judgement.elo0.map_or_else(|| SequentialRule::elo0_of(config.gate.champion_low_min), Real::to_f64);
    vec![
        (elo(judgement.elo0) && elo(judgement.elo1), "judgement.elo0 and judgement.elo1 must be from -1000 to 1000"),
        (
            judgement.elo1.is_none_or(|elo1| elo1.to_f64() >= elo0 + ELO_STEP_MIN),
            "judgement.elo1 must be above judgement.elo0 (or what gate.champion_low_min means) by 0.1 or more",
        ),
        (error(judgement.alpha), "judgement.alpha must be from 0.001 to below 0.5"),
        (error(judgement.beta), "judgement.beta must be from 0.001 to below 0.5"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::membership::ClusterVersionRaised;
    use crate::event::{Command, GameKey, samples};
    use crate::policy::testing::{Given, joined};

    fn change(config: Config) -> Command {
        Configure { config, actor: "ada".into() }.into()
    }

    #[test]
    fn a_change_is_recorded_and_the_same_again_is_not() {
        let given = Given::events([joined(1)]).when(1, change(Config::default())).then_kinds(&["CONFIG_CHANGED"]);
        given.applied().when(1, change(Config::default())).then(&[]);
    }

    #[test]
    fn what_older_members_cannot_read_is_refused_until_they_are_upgraded() {
        let mut finer = samples::config();
        finer.judgement.elo1 = Some(Real(5 * Real::SCALE));
        let given = Given::events([joined(1)]);
        given.clone().when(1, change(finer.clone())).refused("needs_upgrade");
        let given = given.when(1, change(samples::config())).then_kinds(&["CONFIG_CHANGED"]).applied();
        let given = given.and(ClusterVersionRaised { from: 1, to: 2 });
        given.clone().when(1, change(finer.clone())).refused("needs_upgrade");
        let given = given.and(ClusterVersionRaised { from: 2, to: 3 });
        given.when(1, change(finer)).then_fields(&["CONFIG_CHANGED 5.0"], &["config.judgement.elo1"]);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_name() {
        type Break = fn(&mut Config);
        let cases: &[(&str, Break)] = &[
            ("game", |config| config.game = Some(GameKey("a/b".into()))),
            ("self_play.games", |config| config.self_play.games = 0),
            ("train.adamw_rate", |config| config.train.adamw_rate = Real::ZERO),
            ("train.average_decay", |config| config.train.average_decay = Real::ONE),
            ("teacher.games_factor", |config| config.teacher.games_factor = 0),
            ("dataset.coverage_min", |config| config.dataset.coverage_min = Real(1_000_001)),
            ("dataset.elo_below_max", |config| config.dataset.elo_below_max = Real(-1)),
            ("judgement.elo1", |config| config.judgement.elo1 = Some(Real::ZERO)),
            ("judgement.elo0", |config| config.judgement.elo0 = Some(Real(2_000 * Real::SCALE))),
            ("judgement.alpha", |config| config.judgement.alpha = Real::ZERO),
            ("judgement.beta", |config| config.judgement.beta = Real(500_000)),
            ("gate.games_min", |config| config.judgement.groups_max = 19),
            ("gate.games_min", |config| config.gauntlet.random_pairs = 0),
            ("gauntlet:", |config| config.gauntlet.exam_random_pairs = 2_000_000),
            ("cluster.host_timeout_ms", |config| config.cluster.host_timeout_ms = HOST_TIMEOUT_MS_MIN - 1),
            ("cluster.attempts_max", |config| config.cluster.attempts_max = 0),
        ];
        assert_eq!(check(&Config::default()), Ok(()));
        for (name, break_it) in cases {
            let mut config = samples::config();
            break_it(&mut config);
            let refusal = check(&config).expect_err(name);
            assert!(refusal.to_string().contains(name), "{refusal}");
            Given::events([joined(1)]).when(1, change(config)).refused("bad_config");
        }
    }
    #[test]
    fn a_host_may_miss_some_heartbeats_before_it_counts_as_offline() {
        let mut config = samples::config();
        config.cluster.host_timeout_ms = HOST_TIMEOUT_MS_MIN;
        assert_eq!(check(&config), Ok(()));
        config.cluster.host_timeout_ms -= 1;
        let refusal = check(&config).expect_err("too short").to_string();
        let numbers = [HOST_TIMEOUT_MS_MIN.to_string(), format!("every {HEARTBEAT_EVERY_MS} ms")];
        assert!(numbers.iter().all(|number| refusal.contains(number)), "{refusal}");
    }
}
