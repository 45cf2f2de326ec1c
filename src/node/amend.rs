//! Configurations as people write them: only what differs, and budgets of a search by name.

use serde::de::Error as _;
use toml::{Table, Value};

use crate::event::config::Config;
use crate::search::budget;

/// The key of what may be written as a budget's name instead of a number.
const SIMULATIONS: &str = "simulations";

/// The configuration with what a TOML text says in its place.
///
/// # Errors
/// When the text is not TOML, names what a configuration does not have, or gives it another kind of value.
pub fn amend(config: &Config, text: &str) -> Result<Config, toml::de::Error> {
    let mut table = Table::try_from(config).map_err(toml::de::Error::custom)?;
    // An empty campaign has no game to show, but can be given one.
    table.entry("game").or_insert(Value::String(String::new()));
    let empty = config.game.is_none();
    overlay(&mut table, text.parse()?, "")?;
    if empty && table["game"].as_str() == Some("") {
        table.remove("game");
    }
    table.try_into()
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
            (None, _) => {
                let known: Vec<_> = table.keys().map(String::as_str).collect();
                let reason = format!("there is no `{path}`; known here: {}", known.join(", "));
                return Err(toml::de::Error::custom(reason));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GameKey;
    use crate::event::config::SelfPlayConfig;

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
    fn what_a_configuration_does_not_have_is_named() {
        for (text, named) in [("[self_play]\nrounds = 7", "`self_play.rounds`"), ("net = 3", "string"), ("net", "=")] {
            let error = amend(&Config::default(), text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
