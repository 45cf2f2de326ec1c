//! Ratings by maximum likelihood, recomputed from counted results whenever they are asked for.
//!
//! The model is Luce's: of the players at a table one wins with probability `wᵢ / Σ wⱼ`. For two that is Bradley and Terry (1952);
//! a whole ranking is a chain of such choices, each among those who are left: Plackett (1975). The strengths are found by
//! the minorisation–maximisation steps of Hunter, "MM algorithms for generalized Bradley–Terry models" (2004):
//!
//! ```text
//! wᵢ ← (wins of i) / Σ over choices with i of (times · seats of i / Σⱼ seats of j · wⱼ)
//! ```
//!
//! Anchors keep their Elo and fix the scale. Every other player has a fifth of a virtual game against an opponent
//! as strong as the first anchor, half won and half lost, so that somebody who never lost has a finite rating, with a wide interval. Intervals come
//! from the observed Fisher information.

use std::collections::BTreeMap;

use super::elo::{ELO_PER_NAT, elo_of_strength, strength};
use crate::event::Real;

/// Virtual games of every player that is no anchor: enough for a finite rating, too few to move one that rests on games.
pub const PRIOR_GAMES: f64 = 0.2;
/// Players at most: the information matrix has as many rows.
pub const PLAYERS_MAX: usize = 512;
/// Steps at most. A chain of a hundred players needs a few thousand.
const STEPS_MAX: u32 = 20_000;
/// The largest relative change of a strength in a step that counts as none.
const STEP_SMALL: f64 = 1e-10;
/// The 97.5% quantile of the normal distribution: two-sided 95%.
const Z: f64 = 1.959_963_984_540_054;
/// What a win counts; shared wins are whole parts of it for up to four players.
pub const WIN: u64 = 12;

/// Results between players, in integers: the order in which they are added makes no difference.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Anchors with their Elo.
    anchors: BTreeMap<String, Real>,
    /// For each table (players and how many seats each holds) what each won, in parts of [`WIN`].
    tables: BTreeMap<Vec<(String, u32)>, BTreeMap<String, u64>>,
}

/// A player's rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rating {
    /// The player.
    pub player: String,
    /// The most likely rating.
    pub elo: Real,
    /// Lower end of the 95% interval.
    pub low: Real,
    /// Upper end of the 95% interval.
    pub high: Real,
    /// Games that it rests on; an anchor's rating rests on none.
    pub games: u64,
    /// Whether the rating was given, not found.
    pub anchor: bool,
}

/// Results that cannot be rated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RatingError {
    /// Nothing fixes the scale.
    #[error("cannot rate without an anchor: pin a player that took part, such as random")]
    NoAnchor,
    /// More players than the matrix may have rows.
    #[error("cannot rate {found} players at once, at most {PLAYERS_MAX}")]
    TooMany {
        /// Players found.
        found: usize,
    },
}

impl Ledger {
    /// Pins a player to a rating.
    pub fn pin(&mut self, player: &str, elo: Real) {
        self.anchors.insert(player.to_owned(), elo);
    }

    /// Adds games at one table: `seats` says how many seats each player holds, `won` what each won in parts of [`WIN`].
    pub fn add(&mut self, seats: &[(&str, u32)], won: &[(&str, u64)]) {
        let mut table: BTreeMap<String, u32> = BTreeMap::new();
        seats.iter().for_each(|(player, seats)| *table.entry((*player).to_owned()).or_default() += seats);
        if table.len() < 2 {
            return; // Against oneself nothing is found out.
        }
        let wins = self.tables.entry(table.into_iter().collect()).or_default();
        won.iter().for_each(|(player, won)| *wins.entry((*player).to_owned()).or_default() += won);
    }

    /// Adds one game by its whole ranking, best first.
    pub fn add_ranking(&mut self, players: &[&str]) {
        for (place, winner) in players.iter().enumerate() {
            let left: Vec<(&str, u32)> = players[place..].iter().map(|player| (*player, 1)).collect();
            self.add(&left, &[(*winner, WIN)]);
        }
    }

    /// The ratings, strongest first, equals in order of name. Players without a game are left out: they are unknown.
    ///
    /// # Errors
    /// When nothing fixes the scale, or there are too many players.
    pub fn ratings(&self) -> Result<Vec<Rating>, RatingError> {
        let model = Model::new(self)?;
        let strengths = model.fit();
        let errors = model.errors(&strengths);
        let real = |value: f64| Real::from_f64(value).unwrap_or(Real::ZERO);
        let rating = |index: usize| {
            let (player, anchor) = (&model.players[index], model.anchors[index]);
            let elo = elo_of_strength(strengths[index]);
            let margin = Z * ELO_PER_NAT * errors[index];
            Rating {
                player: player.clone(),
                elo: anchor.unwrap_or_else(|| real(elo)),
                low: anchor.unwrap_or_else(|| real(elo - margin)),
                high: anchor.unwrap_or_else(|| real(elo + margin)),
                games: model.games[index],
                anchor: anchor.is_some(),
            }
        };
        let mut ratings: Vec<Rating> = (0..model.players.len()).map(rating).collect();
        ratings.sort_by(|a, b| b.elo.cmp(&a.elo).then_with(|| a.player.cmp(&b.player)));
        Ok(ratings)
    }
}

/// The ledger with players by index. Sums run in order of index.
struct Model {
    players: Vec<String>,
    anchors: Vec<Option<Real>>,
    /// Wins of each player, virtual ones included.
    wins: Vec<f64>,
    games: Vec<u64>,
    choices: Vec<Choice>,
    /// Strength of the virtual opponents: that of the first anchor that played.
    virtual_strength: f64,
}

/// One table: how often it was played, and who sits at it with how many seats.
struct Choice {
    times: f64,
    seats: Vec<(usize, f64)>,
}

impl Model {
    fn new(ledger: &Ledger) -> Result<Model, RatingError> {
        let mut players: Vec<String> = ledger.tables.keys().flatten().map(|(player, _)| player.clone()).collect();
        players.sort_unstable();
        players.dedup();
        if players.len() > PLAYERS_MAX {
            return Err(RatingError::TooMany { found: players.len() });
        }
        let index = |player: &String| players.binary_search(player).ok();
        let (mut wins, mut games) = (vec![0_u64; players.len()], vec![0_u64; players.len()]);
        let mut choices = Vec::with_capacity(ledger.tables.len());
        for (table, won) in &ledger.tables {
            won.iter().for_each(|(player, parts)| {
                index(player).into_iter().for_each(|index| wins[index] += parts);
            });
            let parts: u64 = won.values().sum();
            let seats: Vec<(usize, f64)> =
                table.iter().filter_map(|(player, seats)| Some((index(player)?, f64::from(*seats)))).collect();
            seats.iter().for_each(|(index, _)| games[*index] += parts / WIN);
            choices.push(Choice { times: parts as f64 / WIN as f64, seats });
        }
        let anchors: Vec<Option<Real>> = players.iter().map(|player| ledger.anchors.get(player).copied()).collect();
        let first = anchors.iter().flatten().next().ok_or(RatingError::NoAnchor)?;
        let virtual_strength = strength(first.to_f64());
        let wins = wins.into_iter().map(|parts| parts as f64 / WIN as f64 + PRIOR_GAMES / 2.0).collect();
        Ok(Model { anchors, wins, games, choices, virtual_strength, players })
    }

    /// The most likely strengths.
    fn fit(&self) -> Vec<f64> {
        let start = |anchor: &Option<Real>| anchor.map_or(self.virtual_strength, |elo| strength(elo.to_f64()));
        let mut strengths: Vec<f64> = self.anchors.iter().map(start).collect();
        for _ in 0..STEPS_MAX {
            let mut rates: Vec<f64> =
                strengths.iter().map(|strength| PRIOR_GAMES / (strength + self.virtual_strength)).collect();
            for choice in &self.choices {
                let sum: f64 = choice.seats.iter().map(|(player, seats)| seats * strengths[*player]).sum();
                choice.seats.iter().for_each(|(player, seats)| rates[*player] += choice.times * seats / sum);
            }
            let mut change = 0.0_f64;
            for (index, strength) in
                strengths.iter_mut().enumerate().filter(|(index, _)| self.anchors[*index].is_none())
            {
                let next = self.wins[index] / rates[index];
                change = change.max((next / *strength - 1.0).abs());
                *strength = next;
            }
            if change < STEP_SMALL {
                break;
            }
        }
        strengths
    }

    /// The standard error of each player's log-strength; 0 for anchors.
    fn errors(&self, strengths: &[f64]) -> Vec<f64> {
        let free: Vec<usize> = (0..strengths.len()).filter(|index| self.anchors[*index].is_none()).collect();
        let mut place = vec![None; strengths.len()];
        free.iter().enumerate().for_each(|(row, index)| place[*index] = Some(row));
        let mut information = vec![vec![0.0; free.len()]; free.len()];
        for (row, index) in free.iter().enumerate() {
            let chance = strengths[*index] / (strengths[*index] + self.virtual_strength);
            information[row][row] += PRIOR_GAMES * chance * (1.0 - chance);
        }
        for choice in &self.choices {
            let sum: f64 = choice.seats.iter().map(|(player, seats)| seats * strengths[*player]).sum();
            let chance = |&(player, seats): &(usize, f64)| Some((place[player]?, seats * strengths[player] / sum));
            let chances: Vec<(usize, f64)> = choice.seats.iter().filter_map(chance).collect();
            for (row, one) in &chances {
                information[*row][*row] += choice.times * one;
                chances.iter().for_each(|(column, other)| information[*row][*column] -= choice.times * one * other);
            }
        }
        let variances = inverse_diagonal(information);
        let mut errors = vec![0.0; strengths.len()];
        free.iter().zip(variances).for_each(|(index, variance)| errors[*index] = variance.max(0.0).sqrt());
        errors
    }
}

/// The diagonal of the inverse of a symmetric positive definite matrix, by Cholesky.
fn inverse_diagonal(mut matrix: Vec<Vec<f64>>) -> Vec<f64> {
    let size = matrix.len();
    for row in 0..size {
        for column in 0..=row {
            let dot: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - dot;
            // The virtual games keep the matrix positive; rounding may not.
            matrix[row][column] =
                if row == column { rest.max(f64::MIN_POSITIVE).sqrt() } else { rest / matrix[column][column] };
        }
    }
    // Column j of the inverse of the lower triangle; its squares from row j on sum up to the inverse's diagonal.
    let mut diagonal = vec![0.0; size];
    for (column, entry) in diagonal.iter_mut().enumerate() {
        let mut solved = vec![0.0; size];
        for row in column..size {
            let dot: f64 = (column..row).map(|k| matrix[row][k] * solved[k]).sum();
            let unit = if row == column { 1.0 } else { 0.0 };
            solved[row] = (unit - dot) / matrix[row][row];
        }
        // (L⁻¹)ᵀ L⁻¹: entry (j, j) is the sum over rows of L⁻¹[row][j]².
        *entry = solved.iter().map(|value| value * value).sum();
    }
    diagonal
}
