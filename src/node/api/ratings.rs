//! Ratings as rows: every player of every game, the strongest of each game first.

use serde_json::{Value, json};

use super::request::{Footer, Response};
use crate::event::GameKey;
use crate::judge::ratings::{Ledger, Rating};
use crate::policy::ratings::{games, ledger};
use crate::projection::{Halt, Projection, State};

/// The counted results of each game.
///
/// # Errors
/// When the projection that holds them has stopped.
pub(super) fn ledgers(state: &State) -> Result<Vec<(GameKey, Ledger)>, Halt> {
    state.check(Projection::Gauntlets).map_err(Clone::clone)?;
    Ok(games(state).into_iter().map(|game| (game.clone(), ledger(state, &game))).collect())
}

/// The answer with the ratings, found away from the control runtime.
pub(super) async fn answer(ledgers: Result<Vec<(GameKey, Ledger)>, Halt>, footer: Footer) -> Response {
    match ledgers {
        Err(halt) => Response::error("halted", halt),
        Ok(ledgers) => match tokio::task::spawn_blocking(move || rows(&ledgers)).await {
            Ok(rows) => Response::Rows { rows, footer },
            Err(error) => Response::error("failed", format!("the ratings could not be found: {error}")),
        },
    }
}

/// One row for each rated player. A game that cannot be rated has a single row with the `error`: it is unknown, not empty.
///
/// This takes a while with many players: up to half a second with hundreds.
pub(super) fn rows(ledgers: &[(GameKey, Ledger)]) -> Vec<Value> {
    let of_game = |(game, ledger): &(GameKey, Ledger)| match ledger.ratings() {
        Err(error) => vec![json!({"id": format!("rating/{game}"), "game": game, "error": error.to_string()})],
        Ok(rated) => {
            let row = |(rank, rating): (usize, Rating)| {
                json!({
                    "id": format!("rating/{game}/{}", rating.player),
                    "game": game,
                    "rank": rank + 1,
                    "player": rating.player,
                    "elo": rating.elo,
                    "low": rating.low,
                    "high": rating.high,
                    "games": rating.games,
                    "anchor": rating.anchor,
                })
            };
            rated.into_iter().enumerate().map(row).collect()
        }
    };
    ledgers.iter().flat_map(of_game).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::samples::sample;
    use crate::event::{Event, Kind};
    use crate::policy::testing::Given;

    #[test]
    fn a_game_that_cannot_be_rated_says_why() {
        let rated = |events: Vec<Event>| rows(&ledgers(&Given::events(events).state).expect("no projection stopped"));
        let error = "cannot rate without an anchor: pin a player that took part, such as random";
        assert_eq!(
            rated(vec![sample(Kind::GauntletStarted)]),
            [json!({"id": "rating/connect4", "game": "connect4", "error": error})]
        );
        assert!(rated(vec![]).is_empty());
    }
}
