//! Random playouts against independent, naive code.

use proptest::prelude::*;

use super::*;
use crate::game::{Game, Outcome, Planes, Seat};

const GAME: ConnectFour = ConnectFour;

/// The game after these columns (from 0); plays on only while it is not over and skips full columns.
fn after(columns: &[usize]) -> Board {
    let mut board = GAME.start();
    for &column in columns {
        let action = Column::new(column).expect("a column");
        let _ = GAME.play(&mut board, &action);
    }
    board
}

/// Looks at every line of four, cell by cell.
fn naive_winner(board: &Board) -> Option<Seat> {
    let at = |column: i32, row: i32| {
        ((0..7).contains(&column) && (0..6).contains(&row)).then(|| board.at(column as usize, row as usize)).flatten()
    };
    for column in 0..7 {
        for row in 0..6 {
            let Some(seat) = at(column, row) else { continue };
            for (dx, dy) in [(1, 0), (0, 1), (1, 1), (1, -1)] {
                if (0..4).all(|i| at(column + i * dx, row + i * dy) == Some(seat)) {
                    return Some(seat);
                }
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn playouts_keep_the_rules(columns in prop::collection::vec(0usize..7, 0..80)) {
        let mut board = GAME.start();
        let mut legal = Vec::new();
        for column in columns {
            GAME.legal(&board, &mut legal);
            let naive = naive_winner(&board);
            let full = (0..7).all(|column| board.at(column, 5).is_some());
            let expected = naive.map(Outcome::won_by).or_else(|| full.then(|| Outcome::shared_by_all(2)));
            prop_assert_eq!(GAME.outcome(&board), expected);
            prop_assert_eq!(legal.is_empty(), expected.is_some());
            prop_assert!(legal.is_sorted());

            let action = Column::new(column).expect("a column");
            let before = board;
            let mover = GAME.to_move(&board);
            let listed = legal.contains(&action);
            prop_assert_eq!(GAME.action(&board, GAME.action_id(&action)), listed.then_some(action));
            prop_assert_eq!(GAME.play(&mut board, &action).is_ok(), listed);
            if !listed {
                prop_assert_eq!(board, before);
                continue;
            }
            prop_assert_eq!(board.plies(), before.plies() + 1);
            prop_assert_ne!(GAME.to_move(&board), mover);
            let changed: Vec<_> = (0..7).flat_map(|c| (0..6).map(move |r| (c, r)))
                .filter(|&(c, r)| board.at(c, r) != before.at(c, r)).collect();
            prop_assert_eq!(changed.len(), 1);
            let (c, r) = changed[0];
            prop_assert_eq!(c, column);
            prop_assert_eq!(board.at(c, r), Some(mover));
            prop_assert!(r == 0 || before.at(c, r - 1).is_some());
        }
    }

    #[test]
    fn the_mirror_image_is_the_same_game(columns in prop::collection::vec(0usize..7, 0..42)) {
        let mirrored: Vec<usize> = columns.iter().map(|column| 6 - column).collect();
        let (board, mirror) = (after(&columns), after(&mirrored));
        prop_assert_eq!(GAME.outcome(&board), GAME.outcome(&mirror));

        let cells = GAME.plane_shape().len();
        let (mut planes, mut expected, mut turned) = (vec![9.0; cells], vec![9.0; cells], vec![9.0; cells]);
        GAME.encode(&board, &mut planes);
        GAME.encode(&mirror, &mut expected);
        GAME.transform_planes(1, &planes, &mut turned);
        prop_assert_eq!(&turned, &expected);
        GAME.transform_planes(0, &planes, &mut turned);
        prop_assert_eq!(&turned, &planes);

        let (mut legal, mut legal_mirror) = (Vec::new(), Vec::new());
        GAME.legal(&board, &mut legal);
        GAME.legal(&mirror, &mut legal_mirror);
        let mut ids: Vec<_> = legal.iter().map(|a| GAME.transform_action(1, GAME.action_id(a)).expect("known")).collect();
        ids.sort();
        prop_assert_eq!(ids, legal_mirror.iter().map(|a| GAME.action_id(a)).collect::<Vec<_>>());
        for action in &legal {
            let id = GAME.action_id(action);
            let mirrored = GAME.transform_action(1, id).expect("known");
            prop_assert_eq!(GAME.transform_action(1, mirrored), Some(id));
            prop_assert_eq!(GAME.transform_action(0, id), Some(id));
            prop_assert_eq!(GAME.named(id), Some(*action));
            prop_assert!(GAME.sketch(action).fits(GAME.policy_shape(), 42));
        }
    }
}

#[test]
fn planes_are_the_movers_view() {
    let board = after(&[3, 3, 2]);
    let mut planes = vec![9.0; GAME.plane_shape().len()];
    GAME.encode(&board, &mut planes);
    let ones = |from: usize| (0..42).filter(|i| planes[from + i] == 1.0).collect::<Vec<_>>();
    assert_eq!(ones(0), [7 + 3], "the mover's stone");
    assert_eq!(ones(42), [2, 3], "the other's stones");
    assert_eq!(ones(84).len(), 42);
    assert!(planes.iter().all(|&x| x == 0.0 || x == 1.0));
}

#[test]
fn drawings_show_stones_and_status() {
    let board = after(&[3, 3, 2, 0]);
    expect_test::expect![[r#"
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . . . . .
        . . . O . . .
        O . X X . . .
        1 2 3 4 5 6 7
        X to move
    "#]]
    .assert_eq(&GAME.draw(&board));
    assert!(GAME.draw(&after(&[0, 1, 0, 1, 0, 1, 0])).ends_with("X won\n"));
}

#[test]
fn a_full_board_is_a_draw() {
    let columns: Vec<usize> = [
        [0, 1, 0, 1, 0, 1],
        [1, 0, 1, 0, 1, 0],
        [2, 3, 2, 3, 2, 3],
        [3, 2, 3, 2, 3, 2],
        [4, 5, 4, 5, 4, 5],
        [5, 4, 5, 4, 5, 4],
    ]
    .concat()
    .into_iter()
    .chain([6; 6])
    .collect();
    let board = after(&columns);
    assert_eq!(board.plies(), 42, "{}", GAME.draw(&board));
    assert_eq!(GAME.outcome(&board), Some(Outcome::shared_by_all(2)));
    assert!(GAME.draw(&board).ends_with("draw\n"));
}
