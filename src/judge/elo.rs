//! Elo differences and win probabilities.
//!
//! A player of strength `w` beats `n − 1` players of strength 1 with probability `w / (w + n − 1)`: the choice model of Luce
//! (1959), for two players that of Bradley and Terry (1952). Elo is the logarithm of strength: `elo = 400 · log10(w)`. Equal players
//! win `1/n` of their games, so parity is 0 Elo for any number of players.

use super::exact::{exp, ln};
use crate::event::Real;

/// Elo of a factor e in strength.
pub const ELO_PER_NAT: f64 = 400.0 / std::f64::consts::LN_10;

/// The largest difference that is told apart: 1 in 10¹⁰ games.
pub const ELO_MAX: f64 = 4_000.0;

/// The strength of a player that is `elo` above one of strength 1.
pub fn strength(elo: f64) -> f64 {
    exp(elo.clamp(-ELO_MAX, ELO_MAX) / ELO_PER_NAT)
}

/// The Elo difference of a strength to 1.
pub fn elo_of_strength(strength: f64) -> f64 {
    (ELO_PER_NAT * ln(strength.max(f64::MIN_POSITIVE))).clamp(-ELO_MAX, ELO_MAX)
}

/// The share of games that a player wins who is `elo` above each of the `seats − 1` others.
pub fn share(elo: f64, seats: u32) -> f64 {
    let strength = strength(elo);
    strength / (strength + f64::from(seats.max(2) - 1))
}

/// The Elo difference of a player that wins this share of games against `seats − 1` equal others; the inverse of [`share`].
pub fn elo(share: f64, seats: u32) -> f64 {
    let others = f64::from(seats.max(2) - 1);
    if share <= 0.0 {
        return -ELO_MAX;
    }
    if share >= 1.0 {
        return ELO_MAX;
    }
    elo_of_strength(share * others / (1.0 - share))
}

/// What a win rate between two players means for `seats` players: the rate of a player of the same strength.
pub fn rate_for(two_player_rate: Real, seats: u32) -> Real {
    if seats == 2 {
        return two_player_rate;
    }
    Real::from_f64(share(elo(two_player_rate.to_f64(), 2), seats)).unwrap_or(Real::ONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parity_is_one_in_n() {
        for seats in 2..=4 {
            assert!((share(0.0, seats) - 1.0 / f64::from(seats)).abs() < 1e-15);
            for difference in [-600.0, -20.0, 0.0, 5.0, 300.0] {
                assert!((elo(share(difference, seats), seats) - difference).abs() < 1e-9);
            }
        }
        assert!((share(400.0, 2) - 10.0 / 11.0).abs() < 1e-12, "ten to one");
        assert!((share(20.0, 2) - 0.52876).abs() < 1e-5);
        assert_eq!((elo(0.0, 3), elo(1.0, 3)), (-ELO_MAX, ELO_MAX));
    }

    #[test]
    fn rates_of_two_players_carry_over() {
        assert_eq!(rate_for(Real(900_000), 2), Real(900_000));
        assert_eq!(rate_for(Real(500_000), 3), Real(333_333));
        assert_eq!(rate_for(Real(900_000), 3), Real(818_182), "9 to 1 each: 9 of 11");
        assert_eq!(rate_for(Real(900_000), 4), Real(750_000));
        assert_eq!(rate_for(Real::ONE, 4), Real::ONE);
    }
}
