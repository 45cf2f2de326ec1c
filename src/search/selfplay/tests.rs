//! Self-play: records that hold, whatever the batches.

use std::ops::ControlFlow;

use super::*;
use crate::game::connect4::ConnectFour;
use crate::game::record::{RecordWriter, Tally, replay, verify_file};
use crate::search::evaluator::Evaluation;
use crate::search::testing::{Line, Opinionated, Script, three_seats};

fn plan(games: u32, concurrent: usize) -> SelfPlayPlan {
    let recipe = Recipe::new(12, 4, 1.0).expect("within bounds");
    SelfPlayPlan { games, seed: 11, recipe, sampled_plies: 6, opening_plies_max: 0, concurrent, weights: Some([3; 32]) }
}

fn play<G: Game>(game: &G, evaluator: &mut Opinionated, plan: &SelfPlayPlan) -> Vec<GameRecord> {
    play_games(game, evaluator, plan, |_| ControlFlow::Continue(())).expect("a sane evaluator")
}

#[test]
fn games_do_not_depend_on_the_batches() {
    let (mut alone, mut together) = (Opinionated::default(), Opinionated::default());
    let one = play(&ConnectFour, &mut alone, &plan(20, 1));
    assert_eq!(one, play(&ConnectFour, &mut together, &plan(20, 16)));
    assert_eq!((alone.batch_max, together.batch_max), (1, 16));
    assert_eq!(alone.leaves, together.leaves);
    assert_eq!(one[..7], play(&ConnectFour, &mut Opinionated::default(), &plan(7, 16)), "nor on the number of games");
    let other = SelfPlayPlan { seed: 12, ..plan(20, 16) };
    assert_ne!(one, play(&ConnectFour, &mut Opinionated::default(), &other));
}

#[test]
fn records_hold_and_are_counted() {
    let mut evaluator = Opinionated::default();
    let mut last = SelfPlayProgress::default();
    let games = play_games(&ConnectFour, &mut evaluator, &plan(30, 8), |progress| {
        assert!(progress.games >= last.games && progress.leaves > last.leaves || progress.games == 30);
        last = *progress;
        ControlFlow::Continue(())
    })
    .expect("a sane evaluator");
    let mut writer = RecordWriter::new(&ConnectFour);
    games.iter().for_each(|game| writer.push(game).expect("within bounds"));
    let tally = verify_file(&writer.finish(), "connect4", 0).expect("honest games");
    assert_eq!((tally.games, last.games), (30, 30));
    assert_eq!(tally.positions, last.plies);
    assert_eq!(tally.simulations, 12 * tally.targets);
    assert_eq!(last.leaves, evaluator.leaves);
    assert!(tally.distinct > 25, "{tally:?}");
    let generator =
        Generator::Model { weights: [3; 32], simulations: 12, considered: 4, gumbel_scale_millionths: 1_000_000 };
    assert_eq!(tally.generators.into_iter().collect::<Vec<_>>(), [generator]);
}

#[test]
fn most_games_begin_with_random_plies_that_are_no_choices_of_the_players() {
    let plan = SelfPlayPlan { opening_plies_max: 10, ..plan(200, 16) };
    let games = play(&ConnectFour, &mut Opinionated::default(), &plan);
    assert_eq!(
        games[..20],
        play(&ConnectFour, &mut Opinionated::default(), &SelfPlayPlan { games: 20, concurrent: 3, ..plan })
    );
    let opening = |game: &GameRecord| game.plies.iter().take_while(|ply| ply.findings.is_none()).count();
    let openings: Vec<usize> = games.iter().map(opening).collect();
    // Three of four, and one of eleven of these has none.
    let opened = openings.iter().filter(|plies| **plies > 0).count();
    assert!((120..155).contains(&opened), "{opened} of 200");
    assert_eq!((1..=10).find(|plies| !openings.contains(plies)), None, "every length is drawn: {openings:?}");

    let mut writer = RecordWriter::new(&ConnectFour);
    games.iter().for_each(|game| writer.push(game).expect("within bounds"));
    let file = writer.finish();
    let tally = |opening_plies_max| verify_file(&file, "connect4", opening_plies_max).expect("honest games");
    let missing = |tally: &Tally| tally.choices - tally.choices_targeted;
    assert_eq!(missing(&tally(10)), 0, "whatever is behind the opening was searched");
    assert_eq!(missing(&tally(0)), openings.iter().sum::<usize>() as u64);
    let beyond: usize = openings.iter().map(|plies| plies.saturating_sub(4)).sum();
    assert_eq!(missing(&tally(4)), beyond as u64, "a longer opening than was due is a lack");
}

#[test]
fn a_game_too_short_for_an_opening_is_played_whole() {
    let lines = [Line::Move(0, vec![1, 2]), Line::End(1), Line::End(2)];
    let game = Script { seats: 2, lines: lines.into() };
    let plan = SelfPlayPlan { opening_plies_max: u32::MAX, ..plan(30, 4) };
    for record in play(&game, &mut Opinionated::default(), &plan) {
        assert!(record.plies.len() == 1 && record.plies[0].findings.is_some(), "{record:?}");
    }
}

#[test]
fn three_seats_play_as_well_as_two() {
    let game = three_seats();
    for record in play(&game, &mut Opinionated::default(), &plan(10, 4)) {
        replay(&game, &record).expect("an honest game");
        assert_eq!(record.generators.len(), 3);
        assert!(record.plies.iter().flat_map(|ply| &ply.findings).all(|findings| findings.value.len() == 3));
    }
}

#[test]
fn forced_moves_need_no_search() {
    let lines = [Line::Move(1, vec![1]), Line::Move(0, vec![2, 3]), Line::End(1), Line::End(2)];
    let game = Script { seats: 2, lines: lines.into() };
    for record in play(&game, &mut Opinionated::default(), &plan(3, 2)) {
        assert_eq!(record.plies.iter().map(|ply| ply.findings.is_some()).collect::<Vec<_>>(), [false, true]);
    }
}

#[test]
fn plans_out_of_bounds_are_refused() {
    for concurrent in [0, CONCURRENT_MAX + 1] {
        let result =
            play_games(&ConnectFour, &mut Opinionated::default(), &plan(1, concurrent), |_| ControlFlow::Continue(()));
        assert!(matches!(result, Err(PlayError::Search(SearchError::Bounds { what: "games at once", .. }))));
    }
    let many = plan(GAMES_MAX + 1, 1);
    let result = play_games(&ConnectFour, &mut Opinionated::default(), &many, |_| ControlFlow::Continue(()));
    assert!(matches!(result, Err(PlayError::Search(SearchError::Bounds { what: "games", .. }))));
    assert_eq!(play(&ConnectFour, &mut Opinionated::default(), &plan(0, 1)), []);
}

#[test]
fn who_no_longer_wants_the_games_gets_none() {
    let mut batches = 0;
    let result = play_games(&ConnectFour, &mut Opinionated::default(), &plan(30, 8), |_| {
        batches += 1;
        if batches == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(result, Err(PlayError::Stopped)));
    assert_eq!(batches, 3);
}

/// Breaks in a way of its own at the third batch.
struct Broken(Vec<Evaluation>, u32);

#[derive(Debug, thiserror::Error)]
#[error("out of memory")]
struct OutOfMemory;

impl Evaluator<ConnectFour> for Broken {
    type Error = OutOfMemory;

    fn evaluate(
        &mut self,
        game: &ConnectFour,
        batch: &[(&<ConnectFour as Game>::State, &[<ConnectFour as Game>::Action])],
    ) -> Result<Vec<Evaluation>, OutOfMemory> {
        self.1 += 1;
        match self.1 {
            1 | 2 => Ok(Opinionated::default().evaluate(game, batch).expect("infallible")),
            _ if self.0.is_empty() => Err(OutOfMemory),
            _ => Ok(self.0.clone()),
        }
    }

    fn leaves(&self) -> u64 {
        0
    }
}

#[test]
fn there_is_no_fallback_for_a_broken_evaluator() {
    let message = |answers| {
        play_games(&ConnectFour, &mut Broken(answers, 0), &plan(2, 2), |_| ControlFlow::Continue(()))
            .expect_err("broken")
            .to_string()
    };
    let nan = Evaluation { logits: vec![f32::NAN; 7], value: [0.5, 0.5, 0.0, 0.0] };
    assert_eq!(message(vec![]), "cannot evaluate a batch of positions: out of memory");
    assert!(message(vec![nan.clone()]).starts_with("the evaluator gave 1 evaluations, expected 2"));
    assert!(message(vec![nan.clone(), nan]).starts_with("the evaluator gave the logit NaN"));
}

#[test]
fn samples_follow_the_policy() {
    let mut rng = seeds::generator(5);
    let mut counts = [0; 4];
    (0..10_000).for_each(|_| counts[sample(&[0.5, 0.0, 0.3, 0.2], &mut rng)] += 1);
    assert_eq!(counts[1], 0);
    for (count, expected) in counts.into_iter().zip([5_000i32, 0, 3_000, 2_000]) {
        assert!((count - expected).abs() < 200, "{counts:?}");
    }
    assert_eq!(sample(&[1.0], &mut rng), 0);
}
