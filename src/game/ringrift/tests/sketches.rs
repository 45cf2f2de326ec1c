//! How nets see moves: every legal move fits the head, no two look the same, and half a turn moves the cells and nothing else.

use std::collections::BTreeSet;

use super::super::RingRift;
use super::support::*;
use crate::game::{Game, Planes, Sketch};

/// What the head computes of a sketch, in an order of its own; after half a turn of the board if `turned`.
fn content(sketch: &Sketch, last_cell: usize, turned: bool) -> (usize, Vec<[usize; 2]>, Vec<[usize; 3]>) {
    let place = |cell: u16| if turned { last_cell - usize::from(cell) } else { usize::from(cell) };
    let mut spots: Vec<_> = sketch.spots().iter().map(|spot| [usize::from(spot.role), place(spot.cell)]).collect();
    let pairs = sketch.pairs().iter().map(|pair| {
        let ends = [place(pair.from), place(pair.to)];
        [usize::from(pair.family), ends[0].min(ends[1]), ends[0].max(ends[1])]
    });
    let mut pairs: Vec<_> = pairs.collect();
    spots.sort_unstable();
    pairs.sort_unstable();
    (sketch.kind(), spots, pairs)
}

fn check_sketches<const W: usize>(game: &RingRift<W>) {
    let (planes, shape) = (game.plane_shape(), game.policy_shape());
    let cells = planes.height * planes.width;
    let every = if W == 1 { 1 } else { 20 };
    for seed in 0..games::<W>().min(50) {
        let mut ply = 0;
        random_game(game, 100 + seed, |state, legal, _| {
            ply += 1;
            if ply % every != 0 {
                return;
            }
            let mut seen = BTreeSet::new();
            for given in legal {
                let sketch = game.sketch(given);
                assert!(sketch.fits(shape, cells), "{given:?}");
                let id = game.action_id(given);
                assert_eq!(game.named(id), Some(*given));
                let own = content(&sketch, cells - 1, false);
                assert!(seen.insert(own), "{given:?} looks like another in {}", game.state_text(state));
                if let Some(image) = game.transform_action(1, id).and_then(|image| game.named(image)) {
                    let image = content(&game.sketch(&image), cells - 1, false);
                    assert_eq!(image, content(&sketch, cells - 1, true), "{given:?}");
                }
            }
        });
    }
}

#[test]
fn moves_fit_the_head_and_differ() {
    for_every_configuration!(check_sketches);
}

#[test]
fn the_head_is_small_and_the_same_for_all_boards() {
    let shapes: BTreeSet<_> = [RingRift::HEX8[0].policy_shape(), RingRift::HEX8[2].policy_shape()]
        .into_iter()
        .chain([RingRift::HEXAGONAL[1].policy_shape()])
        .map(|shape| [shape.kinds, shape.roles, shape.families])
        .collect();
    assert_eq!(shapes, BTreeSet::from([[29, 26, 6]]));
}
