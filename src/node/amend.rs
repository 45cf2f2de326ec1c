//! Configurations as people write them: only what differs, and budgets of a search by name.

use serde::de::Error as _;
use toml::{Table, Value};

use crate::event::config::Config;
use crate::search::budget;

/// The key of what may be written as a budget's name instead of a number.
const SIMULATIONS: &str = "simulations";

/// What may be left open: TOML shows nothing there. An empty text leaves it open again.
const OPEN: &[(Option<&str>, &str)] = &[(None, "game"), (Some("judgement"), "elo0"), (Some("judgement"), "elo1")];

/// Keys of older releases, with what takes their place.
const FORMER: &[(&str, &str)] = &[
    ("gauntlet.champion_pairs", "it is `judgement.groups_max` now"),
    ("train.learning_rate", "it had no effect: runs train by AdamW, whose rate is `train.adamw_rate`"),
    ("train.weight_decay", "it had no effect: runs train by AdamW, whose decay is `train.adamw_decay`"),
    ("train.momentum", "it had no effect: runs train by AdamW, which has none; leave it out"),
];

/// The configuration with what a TOML text says in its place.
///
/// # Errors
/// When the text is not TOML, names what a configuration does not have, or gives it another kind of value.
pub fn amend(config: &Config, text: &str) -> Result<Config, toml::de::Error> {
    let mut table = Table::try_from(config).map_err(toml::de::Error::custom)?;
    let nothing = || Value::String(String::new());
    for (place, key) in OPEN {
        within(&mut table, *place).map(|table| table.entry(*key).or_insert_with(nothing));
    }
    overlay(&mut table, text.parse()?, "")?;
    for (place, key) in OPEN {
        within(&mut table, *place).filter(|table| table.get(*key) == Some(&nothing())).map(|table| table.remove(*key));
    }
    table.try_into()
}

fn within<'a>(table: &'a mut Table, place: Option<&str>) -> Option<&'a mut Table> {
    match place {
        None => Some(table),
        Some(place) => table.get_mut(place)?.as_table_mut(),
    }
}

fn overlay(table: &mut Table, with: Table, place: &str) -> Result<(), toml::de::Error> {
    for (key, value) in with {
        let path = format!("{place}{key}");
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(with)) => overlay(inner, with, &format!("{path}."))?,
            (Some(known), Value::String(name)) if key == SIMULATIONS => {
                let simulations = budget::simulations(&name);
                let simulations = simulations.map_err(|error| toml::de::Error::custom(format!("`{path}`: {error}")))?;
                *known = Value::Integer(simulations.into());
            }
            (Some(known), value) => *known = value,
            (None, _) => return Err(toml::de::Error::custom(unknown(table, &path))),
        }
    }
    Ok(())
}

/// What to write instead of a key that there is not.
fn unknown(table: &Table, path: &str) -> String {
    if let Some((_, hint)) = FORMER.iter().find(|(former, _)| *former == path) {
        return format!("there is no `{path}` any more: {hint}");
    }
    let known: Vec<_> = table.keys().map(String::as_str).collect();
    format!("there is no `{path}`; known here: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::SelfPlayConfig;
    use crate::event::{GameKey, Real};

    #[test]
    fn a_text_changes_what_it_names() {
        let standard = Config::default();
        let amended = amend(&standard, "net = \"small\"\nself_play.games = 7\n").unwrap();
        let self_play = SelfPlayConfig { games: 7, ..standard.self_play };
        assert_eq!(amended, Config { net: "small".to_owned(), self_play, ..standard.clone() });
        assert_eq!(amend(&standard, "").unwrap(), standard);
        let idle = Config { game: None, ..Config::default() };
        assert_eq!(amend(&idle, "").unwrap(), idle);
        assert_eq!(amend(&idle, "game = 'connect4'").unwrap().game, Some(GameKey("connect4".to_owned())));
    }

    #[test]
    fn simulations_may_be_budgets_by_name() {
        let text = "[self_play]\nsimulations = \"THROUGHPUT\"\n[gauntlet]\nsimulations = 'standard'";
        let amended = amend(&Config::default(), text).unwrap();
        assert_eq!((amended.self_play.simulations, amended.gauntlet.simulations), (64, 200));
        assert_eq!(amend(&Config::default(), "self_play.simulations = 7").unwrap().self_play.simulations, 7);
        let error = amend(&Config::default(), "gauntlet.simulations = 'endless'").unwrap_err().to_string();
        assert!(error.contains("`gauntlet.simulations`") && error.contains("ULTIMATE"), "{error}");
    }

    #[test]
    fn what_is_open_may_be_given_and_left_open_again() {
        let standard = Config::default();
        let finer = amend(&standard, "judgement.elo1 = 5\njudgement.elo0 = -2.5").unwrap();
        assert_eq!((finer.judgement.elo0, finer.judgement.elo1), (Some(Real(-2_500_000)), Some(Real(5_000_000))));
        assert_eq!(amend(&finer, "judgement = { elo0 = '', elo1 = '' }").unwrap(), standard);
        assert!(amend(&standard, "judgement.elo1 = 'much'").is_err());
    }

    #[test]
    fn keys_of_older_releases_are_refused_with_what_takes_their_place() {
        for (key, hint) in FORMER {
            let error = amend(&Config::default(), &format!("{key} = 1")).unwrap_err().to_string();
            assert!(error.contains(&format!("`{key}`")) && error.contains(hint), "{error}");
        }
    }

    #[test]
    fn what_a_configuration_does_not_have_is_named() {
        for (text, named) in [("[self_play]\nrounds = 7", "`self_play.rounds`"), ("net = 3", "string"), ("net", "=")] {
            let error = amend(&Config::default(), text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
