//! One batch: a leaf of each search goes to the evaluator, the answers come back.

use super::error::{PlayError, SearchError};
use super::evaluator::Evaluator;
use super::gumbel::Search;
use crate::game::Game;

/// Evaluates the leaves that these searches wait for; searches that wait for none are left alone.
pub(super) fn evaluate<G: Game, E: Evaluator<G>>(
    game: &G,
    evaluator: &mut E,
    searches: &mut [&mut Search<G>],
) -> Result<usize, PlayError<E::Error>> {
    let batch: Vec<_> = searches.iter().filter_map(|search| search.leaf()).collect();
    if batch.is_empty() {
        return Ok(0);
    }
    let expected = batch.len();
    let evaluations = evaluator.evaluate(game, &batch).map_err(PlayError::Evaluator)?;
    if evaluations.len() != expected {
        return Err(SearchError::Count { what: "evaluations", found: evaluations.len(), expected }.into());
    }
    let waiting = searches.iter_mut().filter(|search| search.leaf().is_some());
    for (search, evaluation) in waiting.zip(evaluations) {
        search.supply(&evaluation)?;
    }
    Ok(expected)
}
