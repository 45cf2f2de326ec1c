//! What a search decided.

use crate::game::SEATS_MAX;

/// What a search decided, and why. All vectors are over the legal actions in canonical order.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<A> {
    /// The action to play.
    pub action: A,
    /// Its place among the legal actions.
    pub index: usize,
    /// The legal actions.
    pub legal: Vec<A>,
    /// The improved policy: the training target.
    pub improved_policy: Vec<f32>,
    /// What each seat may expect if the improved policy is followed; unused seats hold 0.
    pub root_value: [f32; SEATS_MAX],
    /// Simulations that went through each action.
    pub visits: Vec<u32>,
    /// Simulations spent on this decision: with those kept, the recipe's number; none when there was nothing to choose.
    pub simulations_spent: u32,
    /// Simulations of earlier searches that counted towards the budget; see [`super::Recipe::keeping_tree`].
    pub simulations_kept: u32,
}
