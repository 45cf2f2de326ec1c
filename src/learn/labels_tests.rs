//! Labels and inputs of RingRift against games of the reference engine: who wins, who moves and whose pieces lie where is its word,
//! not ours.

use super::fixtures;
use super::reference_games::ReferenceGame;
use crate::game::ringrift::{RingRift, State};
use crate::game::{Game, Planes};

/// Planes of a seat, in the order of `ringrift/planes.rs`: five depths, height, markers, collapsed cells, four of what it could do, then seven
/// numbers.
const SEAT_PLANES: usize = 19;

/// The value target of every position: 1 for the winner's place in the turn order counted from the mover, 0 for all others.
fn labels<const W: usize>(rules: &RingRift<W>) {
    let name = rules.key().strip_prefix("ringrift-").expect("a configuration of RingRift");
    let game = ReferenceGame::first(name);
    let rules = &rules.with_swap(game.swap);
    let samples = fixtures::samples_of(rules, &[game.play(rules, |_, _| {})]);
    assert_eq!(samples.len(), game.moves.len(), "{name}");
    let seats = rules.seats();
    let mut wins_of_places = vec![0; seats];
    for (index, mover) in game.movers.iter().enumerate() {
        let place = (game.winner + seats - mover) % seats;
        let mut expect = vec![0.0; seats];
        expect[place] = 1.0;
        assert_eq!(samples.get(index).value, expect, "{name}, ply {index}: seat {mover} moves, {} wins", game.winner);
        wins_of_places[place] += 1;
    }
    assert!(wins_of_places.iter().all(|wins| *wins > 0), "{name}: every seat moves, {wins_of_places:?}");
}

#[test]
fn every_position_says_that_the_references_winner_wins() {
    RingRift::SQUARE8.iter().for_each(labels);
    RingRift::HEX8.iter().for_each(labels);
    RingRift::SQUARE19.iter().for_each(labels);
    RingRift::HEXAGONAL.iter().for_each(labels);
}

/// What the planes of a position must hold, from the reference's text of it.
struct Seen {
    mover: usize,
    /// For each seat: in which of its planes which cell is 1.
    cells: Vec<Vec<(usize, (i32, i32))>>,
    hands: Vec<f32>,
    eliminated: Vec<f32>,
    territory: Vec<f32>,
}

impl Seen {
    fn read(text: &str, seats: usize) -> Seen {
        let fields: Vec<&str> = text.split('|').collect();
        let numbers = |field: &str| field.split(',').map(|number| number.parse().expect("a number")).collect();
        let mut cells = vec![vec![]; seats];
        let mut put = |seat: char, plane: usize, cell: (i32, i32)| {
            cells[seat.to_digit(10).expect("a seat") as usize - 1].push((plane, cell));
        };
        for (field, plane) in [(fields[5], None), (fields[6], Some(6)), (fields[7], Some(7))] {
            for piece in field.split_whitespace() {
                let (cell, owners) = piece.split_once('=').expect("a cell and its owners");
                let (x, y) = cell.split_once(',').expect("two numbers");
                let cell = (x.parse().expect("a number"), y.parse().expect("a number"));
                match plane {
                    Some(plane) => put(owners.chars().next().expect("an owner"), plane, cell),
                    // A stack is written from its bottom to its top.
                    None => owners.chars().rev().take(5).enumerate().for_each(|(depth, owner)| put(owner, depth, cell)),
                }
            }
        }
        Seen {
            mover: fields[1].parse::<usize>().expect("a number") - 1,
            cells,
            hands: numbers(fields[2]),
            eliminated: numbers(fields[3]),
            territory: numbers(fields[4]),
        }
    }
}

/// Every opponent has planes of its own, in turn order from the mover on, and they hold its pieces and nobody else's.
fn inputs<const W: usize>(rules: &RingRift<W>) {
    let name = rules.key().strip_prefix("ringrift-").expect("a configuration of RingRift");
    let game = ReferenceGame::first(name);
    let rules = &rules.with_swap(game.swap);
    let (shape, seats, config) = (rules.plane_shape(), rules.seats(), rules.config());
    let (side, mut checked) = (shape.height, 0);
    let mut planes = vec![0.0; shape.len()];
    let mut check = |ply: usize, state: &State<W>| {
        let Some((_, text)) = game.positions.iter().find(|(after, _)| *after == ply) else { return };
        if rules.outcome(state).is_some() {
            return;
        }
        let seen = Seen::read(text, seats);
        rules.encode(state, &mut planes);
        for place in 0..seats {
            let seat = (seen.mover + place) % seats;
            let plane = |number: usize| &planes[(place * SEAT_PLANES + number) * side * side..][..side * side];
            for number in [0, 1, 2, 3, 4, 6, 7] {
                let mut expect = vec![0.0; side * side];
                for (_, (x, y)) in seen.cells[seat].iter().filter(|(plane, _)| *plane == number) {
                    let low = config.board.low();
                    expect[(x - low) as usize * side + (y - low) as usize] = 1.0;
                }
                assert_eq!(plane(number), expect, "{name}, {text}: plane {number} of seat {seat}");
            }
            let most = |number: usize| plane(number).iter().copied().fold(0.0, f32::max);
            let shares = [
                seen.hands[seat] / f32::from(config.board.rings()),
                seen.eliminated[seat] / f32::from(config.elimination_win()),
                seen.territory[seat] / f32::from(config.territory_min()),
            ];
            assert_eq!([most(12), most(13), most(14)], shares, "{name}, {text}: numbers of seat {seat}");
        }
        checked += 1;
    };
    game.play(rules, &mut check);
    assert!(checked >= 5, "{name}: {checked} positions");
}

#[test]
fn every_seat_has_planes_of_its_own_with_its_own_pieces() {
    RingRift::SQUARE8.iter().for_each(inputs);
    RingRift::HEX8.iter().for_each(inputs);
    RingRift::SQUARE19.iter().for_each(inputs);
    RingRift::HEXAGONAL.iter().for_each(inputs);
}
