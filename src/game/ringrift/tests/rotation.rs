//! Seats are alike: the same position with every seat moved on by one is the same position to rules, numbers and nets.

use super::super::RingRift;
use super::support::*;
use crate::game::{Game, Planes, SEATS_MAX};

fn check_rotation<const W: usize>(game: &RingRift<W>) {
    let seats = game.config().seats;
    let cells = game.plane_shape().len();
    let (mut planes, mut rotated_planes, mut rotated_legal) = (vec![0.0; cells], vec![0.0; cells], Vec::new());
    let every = if W == 1 { 1 } else { 20 };
    for seed in 0..games::<W>().min(200) {
        let mut ply = 0;
        random_game(game, seed, |state, legal, chosen| {
            ply += 1;
            if ply % every != 0 {
                return;
            }
            let mut rotated = state.rotated(seats);
            game.legal(&rotated, &mut rotated_legal);
            assert_eq!(rotated_legal, legal, "{}", game.state_text(state));
            game.encode(state, &mut planes);
            game.encode(&rotated, &mut rotated_planes);
            assert!(planes == rotated_planes, "{}", game.state_text(state));
            let mut after = *state;
            game.play_listed(&mut after, &chosen);
            game.play_listed(&mut rotated, &chosen);
            assert_eq!(after.rotated(seats), rotated);
        });
    }
}

#[test]
fn seats_are_alike() {
    for_every_configuration!(check_rotation);
}

#[test]
fn all_seats_around_is_where_one_began() {
    random_game(&RingRift::SQUARE8[2], 5, |state, _, _| {
        let around = (0..SEATS_MAX).fold(*state, |state, _| state.rotated(SEATS_MAX));
        assert_eq!(around, *state);
    });
}
