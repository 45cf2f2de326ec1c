//! Gumbel AlphaZero search (Danihelka, Guez, Schrittwieser, Silver: *Policy improvement by planning with Gumbel*, ICLR 2022).
//!
//! - **Root.** `m` actions are drawn without replacement by Gumbel-Top-k: those with the highest `g(a) + logits(a)`, where
//!   `g` is Gumbel noise times the recipe's scale (1 for self-play, 0 to play one's best). Sequential halving spends the
//!   simulations on them; what remains is ranked by `g(a) + logits(a) + σ(q̂(a))`, and the best of them is played.
//! - **Inner nodes.** Deterministic: the action with the highest `π'(a) − N(a) / (1 + ΣN)`, so that visits follow `π'`.
//! - **Improved policy.** `π' = softmax(logits + σ(completed Q))` over *all* legal actions, the training target. Actions without
//!   a visit get the mixed value `v_mix` as their Q.
//! - **Values.** One win probability for each seat, in \[0, 1\], as it comes from the net or the rules. Each node looks only at
//!   the component of the seat that moves there (max-n). Nothing is negated, so that any number of seats and any
//!   order of moves work. `q` is used as it is, without rescaling by the minimum and maximum of the tree:
//!   `σ(q) = (c_visit + max N(b)) · c_scale · q` with `c_visit` = 50 and `c_scale` = 1, the paper's numbers for board games.
//!
//! - **Memory.** A recipe may keep the tree from move to move ([`Recipe::keeping_tree`]): what lies below the position that the game has come
//!   to counts towards the budget. Matches do so; self-play, whose policies are training targets, never does. `docs/search.md` says why.
//!
//! The search is sans-IO: [`Search::next_leaf`] says what it wants to know, [`Search::supply`] tells it. It is deterministic but
//! for the noise, which it draws from the generator that it is given, at once, when it starts.

mod completed;
mod decision;
mod halving;
#[cfg(test)]
mod keeping;
mod recipe;
mod search;
#[cfg(test)]
mod tests;
mod tree;

pub use completed::{C_SCALE, C_VISIT};
pub use decision::Decision;
pub use recipe::{GUMBEL_SCALE_MAX, Recipe, SIMULATIONS_MAX};
pub use search::{Search, Step};
