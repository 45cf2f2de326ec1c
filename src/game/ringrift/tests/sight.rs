//! What a seat could do is what it may do once it is its turn.

use super::super::bits::Bits;
use super::super::state::Phase;
use super::super::{Move, RingRift, State};
use super::support::*;

/// Where its moves say that all stacks may act: they are what is seen.
fn check_movements<const W: usize>(game: &RingRift<W>, state: &State<W>, legal: &[Move]) {
    let player = state.turn().player;
    let (mut prey, mut hunters, mut landings) = (Bits::EMPTY, Bits::EMPTY, Bits::EMPTY);
    for given in legal {
        match *given {
            Move::Step { to, .. } => landings.insert(to),
            Move::Capture { from, over, to } => {
                landings.insert(to);
                if !state.controlled(player).has(over) {
                    prey.insert(over);
                    hunters.insert(from);
                }
            }
            _ => {}
        }
    }
    let sight = game.sight(state, player);
    assert_eq!([sight.prey, sight.hunters, sight.landings], [prey, hunters, landings], "{}", game.state_text(state));
}

/// Regions that may be taken are those that are seen, and none takes the seat further from a win.
fn check_regions<const W: usize>(game: &RingRift<W>, state: &State<W>, legal: &[Move]) {
    let player = state.turn().player;
    let (mut seen, mut shown) = (Bits::EMPTY, 0);
    game.claims(state, player, |region, near| {
        assert!(near >= game.shares_of_win(state, player).into_iter().fold(0.0, f32::max));
        seen |= *region;
        shown += 1;
    });
    let mut taken = Bits::EMPTY;
    let named = legal.iter().filter_map(|given| match *given {
        Move::Region { border, anchor } => game.rules().region(state, border, anchor),
        _ => None,
    });
    let named: Vec<_> = named.inspect(|region| taken |= *region).collect();
    assert_eq!((seen, shown), (taken, named.len()), "{}", game.state_text(state));
}

fn check_sight<const W: usize>(game: &RingRift<W>) {
    for seed in 0..games::<W>().min(100) {
        random_game(game, 300 + seed, |state, legal, _| {
            let turn = state.turn();
            if turn.phase == Phase::Move && turn.focus.is_none() {
                check_movements(game, state, legal);
            }
            if turn.phase == Phase::Territory && !turn.region_owed && !turn.recovered {
                check_regions(game, state, legal);
            }
        });
    }
}

#[test]
fn what_a_seat_sees_is_what_it_may_do() {
    for_every_configuration!(check_sight);
}
