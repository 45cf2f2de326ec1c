//! The configuration: refused when it cannot work, before it does harm.

use super::Refusal;
use super::text::is_name;
use crate::event::command::ChangeConfig;
use crate::event::config::{Config, ConfigChanged};
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
/// Games, steps, simulations: more is a slip of the finger.
const COUNT_MAX: u32 = 100_000_000;

pub(super) fn change(state: &State, command: &ChangeConfig) -> Result<Vec<Decision>, Refusal> {
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

/// What must hold, in words.
fn lines(config: &Config) -> Vec<(bool, &'static str)> {
    let (play, train, gauntlet, cluster) = (&config.self_play, &config.train, &config.gauntlet, &config.cluster);
    let count = |value: u32| (1..=COUNT_MAX).contains(&value);
    let share = |value: Real| (Real::ZERO..=Real::ONE).contains(&value);
    let all_pairs = [
        gauntlet.random_pairs,
        gauntlet.alpha_beta_pairs,
        gauntlet.champion_pairs,
        gauntlet.exam_random_pairs,
        gauntlet.exam_origin_pairs,
    ];
    let pairs_fit = |pairs: &u32| *pairs <= PAIRS_MAX && pairs.div_ceil(gauntlet.pairs_per_job.max(1)) <= CHUNKS_MAX;
    let enough = |pairs: u32| pairs.saturating_mul(2) >= config.gate.games_min && pairs > 0;
    vec![
        (config.game.as_ref().is_none_or(|game| is_name(&game.0)), "game must be a plain name"),
        (is_name(&config.net), "net must be a plain name"),
        (config.generations <= 1_000_000, "generations must be at most 1000000"),
        (count(play.games), "self_play.games must be from 1 to 100000000"),
        (count(play.games_per_job), "self_play.games_per_job must be at least 1"),
        (count(play.simulations), "self_play.simulations must be at least 1"),
        (count(play.considered), "self_play.considered must be at least 1"),
        (config.dataset.window > 0, "dataset.window must be at least 1"),
        (share(config.dataset.quality_min), "dataset.quality_min must be from 0 to 1"),
        (count(train.steps), "train.steps must be at least 1"),
        (count(train.batch), "train.batch must be at least 1"),
        (train.learning_rate > Real::ZERO, "train.learning_rate must be above 0"),
        (share(train.momentum) && train.momentum < Real::ONE, "train.momentum must be from 0 to below 1"),
        (train.weight_decay >= Real::ZERO, "train.weight_decay must not be negative"),
        (train.value_weight >= Real::ZERO, "train.value_weight must not be negative"),
        (train.gradient_norm_max > Real::ZERO, "train.gradient_norm_max must be above 0"),
        (count(gauntlet.simulations), "gauntlet.simulations must be at least 1"),
        (count(gauntlet.considered), "gauntlet.considered must be at least 1"),
        (count(gauntlet.pairs_per_job), "gauntlet.pairs_per_job must be at least 1"),
        (all_pairs.iter().all(pairs_fit), "gauntlet: at most 100000 pairs and 1000 jobs against one opponent"),
        (gauntlet.exam_random_pairs > 0, "gauntlet.exam_random_pairs must be at least 1"),
        (share(config.gate.champion_low_min), "gate.champion_low_min must be from 0 to 1"),
        (share(config.gate.random_rate_min), "gate.random_rate_min must be from 0 to 1"),
        (enough(gauntlet.champion_pairs), "gate.games_min can never be met with gauntlet.champion_pairs"),
        (enough(gauntlet.random_pairs), "gate.games_min can never be met with gauntlet.random_pairs"),
        (
            gauntlet.alpha_beta_pairs == 0 || enough(gauntlet.alpha_beta_pairs),
            "gate.games_min can never be met with gauntlet.alpha_beta_pairs",
        ),
        (
            cluster.host_timeout_ms >= HOST_TIMEOUT_MS_MIN,
            "cluster.host_timeout_ms must be at least 600: hosts say every 200 ms that they live, and two lost heartbeats prove nothing",
        ),
        (cluster.lease_ms >= 100, "cluster.lease_ms must be at least 100"),
        (count(cluster.attempts_max), "cluster.attempts_max must be at least 1"),
        ((1..=1_000).contains(&cluster.copies_min), "cluster.copies_min must be from 1 to 1000"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Command, GameKey, samples};
    use crate::policy::testing::{Given, joined};

    fn change(config: Config) -> Command {
        Command::ChangeConfig(ChangeConfig { config, actor: "ada".into() })
    }

    #[test]
    fn a_change_is_recorded_and_the_same_again_is_not() {
        let given = Given::events([joined(1)]).when(1, change(Config::default())).then_kinds(&["CONFIG_CHANGED"]);
        given.applied().when(1, change(Config::default())).then(&[]);
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_name() {
        type Break = fn(&mut Config);
        let cases: &[(&str, Break)] = &[
            ("game", |config| config.game = Some(GameKey("a/b".into()))),
            ("self_play.games", |config| config.self_play.games = 0),
            ("train.learning_rate", |config| config.train.learning_rate = Real::ZERO),
            ("gate.games_min", |config| config.gauntlet.champion_pairs = 19),
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
