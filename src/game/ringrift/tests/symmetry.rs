//! Half a turn of the board is exact. The tests at the end show, position by position, why no other symmetry is.

use super::super::{Move, RingRift, State};
use super::support::*;
use crate::game::{Game, Planes};

/// The image of a move after half a turn, regions by their cells.
fn image<const W: usize>(game: &RingRift<W>, state: &State<W>, turned: &State<W>, given: Move) -> Move {
    let rules = game.rules();
    let Move::Region { border, anchor } = given else {
        return game.half_turn(given).expect("only regions depend on the position");
    };
    assert_eq!(game.half_turn(given), None);
    let cells = rules.region(state, border, anchor).expect("listed");
    let wanted = cells
        .iter()
        .fold(super::super::Bits::EMPTY, |set, cell| set | super::super::Bits::one(rules.geometry.half_turn(cell)));
    let mut found = None;
    rules.find_region(turned, |border, anchor, region| {
        found = (region == &wanted).then_some(Move::Region { border, anchor });
        found.is_some()
    });
    found.expect("the turned region is a region")
}

/// A game and its turned twin go on side by side.
fn check_half_turn<const W: usize>(game: &RingRift<W>) {
    let cells = game.plane_shape().len();
    let (mut planes, mut turned_planes, mut expected) = (vec![0.0; cells], vec![0.0; cells], vec![0.0; cells]);
    let every = if W == 1 { 1 } else { 20 };
    for seed in 0..games::<W>().min(200) {
        let (mut twin, mut twin_legal, mut ply) = (game.start(), Vec::new(), 0);
        random_game(game, seed, |state, legal, chosen| {
            ply += 1;
            if ply % every == 0 {
                game.encode(state, &mut planes);
                game.encode(&twin, &mut turned_planes);
                game.transform_planes(1, &planes, &mut expected);
                assert!(expected == turned_planes, "{}", game.state_text(state));
                game.legal(&twin, &mut twin_legal);
                let mut images: Vec<_> = legal.iter().map(|&given| image(game, state, &twin, given)).collect();
                for (given, image) in legal.iter().zip(&images) {
                    let id = game.transform_action(1, game.action_id(given));
                    let is_region = matches!(given, Move::Region { .. });
                    assert_eq!(id, (!is_region).then(|| game.action_id(image)));
                    assert_eq!(game.transform_action(0, game.action_id(given)), Some(game.action_id(given)));
                }
                images.sort();
                twin_legal.sort();
                assert_eq!(images, twin_legal, "{}", game.state_text(state));
            }
            let turned = image(game, state, &twin, chosen);
            game.play_listed(&mut twin, &turned);
        });
        assert!(twin.end().is_some());
    }
}

#[test]
fn half_a_turn_is_exact() {
    for_every_configuration!(check_half_turn);
}

/// Plays a move given as text.
fn after<const W: usize>(game: &RingRift<W>, start: &str, played: &str) -> String {
    let mut state = game.read_state(start).expect("a position");
    let action = game.read_move(&state, played).expect("a move");
    game.play(&mut state, &action).expect("a legal move");
    game.state_text(&state)
}

#[test]
fn ties_between_axes_break_the_mirror_of_squares() {
    // The position is its own mirror image in the diagonal x = y; the move and its image are the same; the result is not its image.
    let game = RingRift::SQUARE8[1];
    let start = "move|1|0,10,10|0,0,0|0,0,0|7,7=12|0,2=1 1,2=1 2,0=1 2,1=1 3,3=1||-|0";
    let result = after(&game, start, "RL1 3,3 2,2 7,7");
    assert!(result.contains("|2,0=1 2,1=1|0,2=1 1,2=1 2,2=1|"), "{result}");
}

#[test]
fn ties_between_axes_break_the_other_symmetries_of_squares() {
    // Both diagonals tie; a mirror image that keeps rows and columns exchanges them, and the first diagonal wins before and after.
    let game = RingRift::SQUARE8[1];
    let start = "move|1|0,10,10|0,0,0|0,0,0|7,7=12|1,1=1 1,5=1 2,2=1 2,4=1 3,2=1||-|0";
    let result = after(&game, start, "RL1 3,2 3,3 7,7");
    assert!(result.contains("|1,5=1 2,4=1|1,1=1 2,2=1 3,3=1|"), "{result}");
    let mirrored = "move|1|0,10,10|0,0,0|0,0,0|7,0=12|1,6=1 1,2=1 2,5=1 2,3=1 3,5=1||-|0";
    let result = after(&game, mirrored, "RL1 3,5 3,4 7,0");
    assert!(result.contains("|1,6=1 2,5=1|1,2=1 2,3=1 3,4=1|"), "{result}");
}

#[test]
fn growing_borders_break_the_rotations_of_the_small_hexagon() {
    // Turned by 60 degrees, (x, y) becomes (x + y, -x). A marker at 2,1 is connected with the border at 1,0; its image is not.
    let game = RingRift::HEX8[0];
    let start = "territory|1|10,10|0,0|0,0|-4,0=11 0,0=2|-1,0=1 -1,1=1 0,-1=1 0,1=1 1,-1=1 1,0=1 2,1=2||-|0";
    let collapsed = |text: &str| text.split('|').nth(7).expect("ten fields").split(' ').count();
    assert_eq!(collapsed(&after(&game, start, "T 0,0")), 8);
    let turned = "territory|1|10,10|0,0|0,0|-4,4=11 0,0=2|-1,0=1 -1,1=1 0,-1=1 0,1=1 1,-1=1 1,0=1 3,-2=2||-|0";
    assert_eq!(collapsed(&after(&game, turned, "T 0,0")), 7);
}

#[test]
fn ties_between_axes_break_the_symmetries_of_hexagons() {
    // Axes (1,0) and (1,-1) tie. Turned by 120 degrees, (x, y) becomes (y, -x-y), their images are (0,-1) and (1,0): the second wins there.
    let game = RingRift::HEX8[1];
    let start = "move|1|0,10,10|0,0,0|0,0,0|4,0=12|-2,0=1 -2,2=1 -1,0=1 -1,1=1 0,1=1||-|0";
    let result = after(&game, start, "RL1 0,1 0,0 4,0");
    assert!(result.contains("|-2,0=1 -1,0=1 0,0=1|"), "{result}");
    let turned = "move|1|0,10,10|0,0,0|0,0,0|0,-4=12|0,2=1 2,0=1 0,1=1 1,0=1 1,-1=1||-|0";
    let result = after(&game, turned, "RL1 1,-1 0,0 0,-4");
    assert!(result.contains("|0,0=1 1,0=1 2,0=1|"), "{result}");
}
