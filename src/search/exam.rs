//! The examination of a net on solved positions of Connect Four: how often it finds an optimal move, without and with search.

use super::batch;
use super::error::PlayError;
use super::evaluator::Evaluator;
use super::gumbel::{Recipe, Search, Step};
use super::seeds::generator;
use crate::event::evaluation::{MatchTally, Score};
use crate::game::connect4::problems::Problem;
use crate::game::connect4::{Column, ConnectFour};

/// Positions that are searched at once: the largest batch.
const CONCURRENT: usize = 64;
/// Actions that the search considers at the root: all.
const CONSIDERED: u32 = 7;

/// How many questions were answered rightly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Questions with an optimal answer.
    pub optimal: u32,
    /// Questions.
    pub questions: u32,
    /// The share, with its 95% interval by Wilson.
    pub score: Score,
}

/// The moves that the net's policy likes best, the first of equal ones. No search.
///
/// # Errors
/// When the evaluator fails or answers nonsense.
pub fn by_policy<E: Evaluator<ConnectFour>>(
    evaluator: &mut E,
    problems: &[Problem],
) -> Result<Marks, PlayError<E::Error>> {
    by_search(evaluator, problems, 0)
}

/// The moves of a search without noise that spends so many simulations on each; 0 plays by the policy alone.
///
/// Problems in which every action is optimal ask nothing and are not counted.
///
/// # Errors
/// When the evaluator fails or answers nonsense, or there are more simulations than a search takes.
#[tracing::instrument(skip(evaluator, problems), fields(problems = problems.len()))]
pub fn by_search<E: Evaluator<ConnectFour>>(
    evaluator: &mut E,
    problems: &[Problem],
    simulations: u32,
) -> Result<Marks, PlayError<E::Error>> {
    let recipe = Recipe::new(simulations, CONSIDERED, 0.0)?;
    let questions: Vec<&Problem> = problems.iter().filter(|problem| problem.is_question()).collect();
    let mut optimal = 0;
    for chunk in questions.chunks(CONCURRENT) {
        let answers = answer(evaluator, chunk, recipe)?;
        optimal += chunk.iter().zip(answers).filter(|(problem, action)| problem.is_optimal(*action)).count() as u32;
    }
    Ok(marks(optimal, questions.len() as u32))
}

/// One move for each problem.
fn answer<E: Evaluator<ConnectFour>>(
    evaluator: &mut E,
    problems: &[&Problem],
    recipe: Recipe,
) -> Result<Vec<Column>, PlayError<E::Error>> {
    let mut searches: Vec<_> =
        problems.iter().map(|problem| Search::new(ConnectFour, recipe, problem.board(), &mut generator(0))).collect();
    loop {
        let wait = |search: &mut Search<ConnectFour>| matches!(search.next_leaf(), Step::Evaluate(..));
        // Counted, so that every search takes its step.
        let waiting = searches.iter_mut().map(wait).filter(|waits| *waits).count();
        if waiting == 0 {
            break;
        }
        let mut searches: Vec<_> = searches.iter_mut().collect();
        batch::evaluate(&ConnectFour, evaluator, &mut searches)?;
    }
    let decide = |search: Search<ConnectFour>| {
        search.finish().expect("a search that is done in a game that is not over has a decision").action
    };
    Ok(searches.into_iter().map(decide).collect())
}

fn marks(optimal: u32, questions: u32) -> Marks {
    let tally = MatchTally { wins: optimal, losses: questions - optimal, ..MatchTally::default() };
    Marks { optimal, questions, score: Score::from_tally("solved positions".to_owned(), &tally) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::game::SEATS_MAX;
    use crate::game::connect4::Board;
    use crate::game::connect4::solver::{Solver, Value};
    use crate::search::Evaluation;
    use crate::search::UniformEvaluator;
    use crate::search::error::SearchError;

    /// Knows the truth, and says it or its opposite.
    struct Oracle {
        solver: Solver,
        sign: f32,
        leaves: u64,
    }

    impl Evaluator<ConnectFour> for Oracle {
        type Error = SearchError;

        fn evaluate(&mut self, _: &ConnectFour, batch: &[(&Board, &[Column])]) -> Result<Vec<Evaluation>, SearchError> {
            self.leaves += batch.len() as u64;
            let evaluate = |(board, _): &(&Board, &[Column])| {
                let rank = |value: Value| f32::from(value as u8) * self.sign;
                let logits = self.solver.actions(board).into_iter().map(|(_, value)| rank(value)).collect();
                let mut value = [0.0; SEATS_MAX];
                (value[0], value[1]) = (0.5, 0.5);
                Evaluation { logits, value }
            };
            Ok(batch.iter().map(evaluate).collect())
        }

        fn leaves(&self) -> u64 {
            self.leaves
        }
    }

    /// Late positions, which a test can afford to solve.
    fn problems() -> Vec<Problem> {
        Problem::all().into_iter().filter(|problem| problem.board().plies() >= 24).take(90).collect()
    }

    fn oracle(sign: f32) -> Oracle {
        Oracle { solver: Solver::default(), sign, leaves: 0 }
    }

    #[test]
    fn the_truth_gets_full_marks_and_its_opposite_none() {
        let problems = problems();
        let questions = problems.iter().filter(|problem| problem.is_question()).count() as u32;
        assert!((30..90).contains(&questions), "{questions}");
        let right = by_policy(&mut oracle(1.0), &problems).expect("answers");
        assert_eq!((right.optimal, right.questions), (questions, questions));
        assert_eq!(right.score.rate.to_f64(), 1.0);
        let wrong = by_policy(&mut oracle(-1.0), &problems).expect("answers");
        assert_eq!((wrong.optimal, wrong.questions), (0, questions));
    }

    #[test]
    fn search_finds_more_than_a_policy_that_knows_nothing() {
        let problems = problems();
        let mut evaluator = UniformEvaluator::default();
        let raw = by_policy(&mut evaluator, &problems).expect("answers");
        let searched = by_search(&mut evaluator, &problems, 200).expect("answers");
        assert!(searched.optimal > raw.optimal, "{raw:?} {searched:?}");
        assert!(searched.score.low < searched.score.rate && searched.score.rate <= searched.score.high);
    }
}
