//! Conservation, termination, the action table and the notation, along random games.

use std::collections::HashSet;

use super::super::{Move, RingRift, State};
use super::support::*;
use crate::game::{ActionId, Game, Seat};

/// Rings are conserved, and all that is counted agrees with the board.
fn check_conservation<const W: usize>(game: &RingRift<W>, state: &State<W>) {
    let config = game.config();
    let sum =
        |number: fn(&State<W>, Seat) -> u16| game.all_seats().map(|seat| u32::from(number(state, seat))).sum::<u32>();
    let rings = sum(State::hand) + sum(State::rings_on_board) + sum(State::eliminated);
    assert_eq!(rings, config.seats as u32 * u32::from(config.board.rings()), "{}", game.state_text(state));
    assert!(state.is_consistent(), "{}", game.state_text(state));
    let tallest = state.stacked().iter().map(|cell| state.stack(cell).height()).max().unwrap_or(0);
    assert!(tallest <= config.board.side(), "{}", game.state_text(state));
}

/// Markers, collapsed cells and eliminated rings: what every acting turn adds to.
fn growth<const W: usize>(game: &RingRift<W>, state: &State<W>) -> usize {
    let eliminated: u16 = game.all_seats().map(|seat| state.eliminated(seat)).sum();
    state.all_markers().count() + state.dead().count() + usize::from(eliminated)
}

/// Distinct legal moves have distinct numbers, and each number is its move's.
fn check_numbers<const W: usize>(game: &RingRift<W>, legal: &[Move], seen: &mut HashSet<ActionId>) {
    let geometry = game.rules().geometry;
    seen.clear();
    for &listed in legal {
        let id = game.action_id(&listed);
        assert_eq!(geometry.actions.decode(geometry, id.0 as usize), Some(listed), "{id:?}");
        assert!(seen.insert(id), "{listed:?} shares {id:?}");
    }
}

fn check_games<const W: usize>(game: &RingRift<W>) {
    let (mut seen, mut text) = (HashSet::new(), String::new());
    for seed in 0..games::<W>() {
        let (mut plies, mut grown) = (0, 0);
        let end = random_game(game, seed, |state, legal, chosen| {
            plies += 1;
            check_conservation(game, state);
            check_numbers(game, legal, &mut seen);
            let now = growth(game, state);
            assert!(now >= grown, "{}", game.state_text(state));
            grown = now;
            text.clear();
            game.write_move(state, chosen, &mut text);
            assert_eq!(game.read_move(state, &text), Ok(chosen), "{text}");
        });
        check_conservation(game, &end);
        assert!(end.end().is_some() && game.outcome(&end).is_some(), "no legal move in {}", game.state_text(&end));
        assert!(plies <= game.plies_max(), "{plies} plies");
    }
}

#[test]
fn random_games_keep_the_laws_and_end() {
    for_every_configuration!(check_games);
}

/// Of all numbers of the table exactly those of the legal moves are playable.
fn check_table<const W: usize>(game: &RingRift<W>) {
    let mut ply = 0;
    random_game(game, 7, |state, legal, _| {
        ply += 1;
        if ply % 61 != 0 {
            return;
        }
        let mut ids: Vec<_> = legal.iter().map(|listed| game.action_id(listed)).collect();
        ids.sort();
        let step = if is_long() { 1 } else { 13 };
        for id in (0..game.action_count() as u32 + 5).step_by(step).map(ActionId) {
            assert_eq!(game.action(state, id).is_some(), ids.binary_search(&id).is_ok(), "{id:?}");
        }
        let mut after = *state;
        let illegal = Move::Forced { cell: crate::game::ringrift::Cell(0) };
        if !legal.contains(&illegal) {
            assert!(game.play(&mut after, &illegal).is_err());
            assert_eq!(after, *state);
        }
    });
}

#[test]
fn only_numbers_of_legal_moves_can_be_played() {
    check_table(&RingRift::SQUARE8[0]);
    check_table(&RingRift::HEX8[2]);
}

#[test]
fn the_table_is_the_same_for_any_number_of_players() {
    for games in [RingRift::SQUARE8, RingRift::HEX8] {
        assert!(games.iter().all(|game| game.action_count() == games[0].action_count()));
    }
}

#[test]
fn drawings_show_the_board() {
    let game = RingRift::HEX8[1];
    let text = "move|2|10,9,8|1,0,0|0,1,0|0,0=12 1,0=33|-4,0=3|4,0=2|0,0|0";
    let state = game.read_state(text).expect("a position");
    assert_eq!(game.state_text(&state), text);
    expect_test::expect![[r#"
          -4                    .   .   .   .   .
          -3                  .   .   .   .   .   .
          -2                .   .   .   .   .   .   .
          -1              .   .   .   .   .   .   .   .
           0           o3   .   .   . 2^2 3^2   .   .  #2
           1              .   .   .   .   .   .   .   .
           2                .   .   .   .   .   .   .
           3                  .   .   .   .   .   .
           4                    .   .   .   .   .
          y/x                    -4  -3  -2  -1   0   1   2   3   4
        mixed stacks (bottom to top): 0,0=12
        player 1: 10/18 rings in hand, 1/24 eliminated, 0/21 cells
        player 2: 9/18 rings in hand, 0/24 eliminated, 1/21 cells
        player 3: 8/18 rings in hand, 0/24 eliminated, 0/21 cells
        player 2 to move, phase move, stack 0,0
    "#]]
    .assert_eq(&game.draw(&state));
}

#[test]
fn positions_that_are_none_are_refused() {
    let game = RingRift::SQUARE8[0];
    for bad in [
        "",
        "place|1|18,18|0,0|0,0||||-",
        "place|3|18,18|0,0|0,0||||-|0",
        "over|0|18,18|0,0|0,0||||-|0",
        "place|1|18|0,0|0,0||||-|0",
        "place|1|18,18|0,0|1,0||||-|0",
        "place|1|19,18|0,0|0,0||||-|0",
        "place|1|10,18|0,0|0,0|8,0=1|||-|0",
        "place|1|10,18|0,0|0,0|0,0=13|||-|0",
        "place|1|10,18|0,0|0,0|0,0=1|0,0=1||-|0",
        "chain|1|10,18|0,0|0,0|0,0=1|||-|0",
        "move|1|10,10|0,0|0,0|0,0=2|||0,0|0",
        "move|1|18,18|0,0|0,0||||-|1",
    ] {
        assert!(game.read_state(bad).is_err(), "{bad}");
    }
}
