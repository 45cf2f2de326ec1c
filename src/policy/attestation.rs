//! Who really played: whether the attestation of a gauntlet's job is one of the games that were asked for.
//!
//! There is no fallback in evaluation. Where the plan gives a seat to a net, that net has to have been loaded and asked; a game of which
//! this is not attested is void, and with it the attempt that brought it.

use super::seats::seats;
use crate::event::Hash;
use crate::event::evaluation::MatchTally;
use crate::event::jobs::{Contender, GauntletSpec};
use crate::event::judgement::{GameAttestation, SeatAttestation};

/// Checks the games of a job, one by one, and that they are those that its tally counts.
///
/// # Errors
/// The first thing that is wrong, in words.
pub fn check(spec: &GauntletSpec, tally: &MatchTally, games: &[GameAttestation]) -> Result<(), String> {
    let seats = seats(&spec.game);
    if games.len() as u64 != u64::from(seats) * u64::from(spec.pairs) {
        return Err(format!("{} games are attested for {} groups of {seats} games", games.len(), spec.pairs));
    }
    let mut groups = vec![0_u32; tally.pairs.len()];
    let mut units = 0_u32;
    for (number, game) in (0_u32..).zip(games) {
        let (group, turn) = (spec.first_pair.saturating_add(number / seats), number % seats);
        if (game.group, game.turn) != (group, turn) {
            let (found, other) = (game.group, game.turn);
            return Err(format!(
                "game {other} of group {found} is attested in the place of game {turn} of group {group}"
            ));
        }
        played(spec, seats, game).map_err(|error| format!("game {turn} of group {group}: {error}"))?;
        units = units.saturating_add(game.units);
        if turn + 1 == seats {
            let bin = usize::try_from(units).ok().and_then(|units| groups.get_mut(units));
            *bin.ok_or_else(|| format!("group {group} scores {units} units, more than there are"))? += 1;
            units = 0;
        }
    }
    if groups != tally.pairs {
        return Err("the attested games come to other scores than those counted".to_owned());
    }
    Ok(())
}

/// Whether everybody sat where the plan says, with what the plan says.
fn played(spec: &GauntletSpec, seats: u32, game: &GameAttestation) -> Result<(), String> {
    if game.seats.len() as u64 != u64::from(seats) {
        return Err(format!("{} seats are attested, not {seats}", game.seats.len()));
    }
    let candidate = (game.group % seats + game.turn) % seats;
    let opponent = match &spec.opponent {
        Contender::Model(model) => Some(model.weights),
        Contender::Random | Contender::AlphaBeta(_) => None,
    };
    for (index, seat) in (0_u32..).zip(&game.seats) {
        let due = if index == candidate { Some(spec.candidate.weights) } else { opponent };
        sat(due, seat, game.plies < seats).map_err(|error| format!("seat {index} {error}"))?;
    }
    Ok(())
}

/// Whether this seat was played by the net that was due there, or by none. `is_short` where not everybody had a turn.
fn sat(due: Option<Hash>, seat: &SeatAttestation, is_short: bool) -> Result<(), String> {
    match (due, seat.weights) {
        (None, None) if seat.leaves == 0 => Ok(()),
        (None, _) => Err("has a net, and none was due".to_owned()),
        (Some(due), None) => Err(format!("has no net instead of {}", due.short())),
        (Some(due), Some(ran)) if ran != due => Err(format!("ran weights {} instead of {}", ran.short(), due.short())),
        (Some(_), Some(_)) if seat.decisions == 0 && !is_short => Err("never had its net search".to_owned()),
        (Some(_), Some(_)) if seat.decisions > 0 && seat.leaves == 0 => Err("never had its net asked".to_owned()),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// What an honest worker attests for these scores, in units, of every game.
#[cfg(test)]
pub(crate) fn honest(spec: &GauntletSpec, units: &[u32]) -> Vec<GameAttestation> {
    let seats = seats(&spec.game);
    let opponent = match &spec.opponent {
        Contender::Model(model) => Some(model.weights),
        Contender::Random | Contender::AlphaBeta(_) => None,
    };
    let game = |(number, units): (u32, &u32)| {
        let (group, turn) = (spec.first_pair + number / seats, number % seats);
        let seat = |index| {
            let weights = if index == (group + turn) % seats { Some(spec.candidate.weights) } else { opponent };
            let decisions = if weights.is_some() { 9 } else { 0 };
            SeatAttestation { weights, decisions, leaves: u64::from(decisions) * 16 }
        };
        GameAttestation { group, turn, units: *units, plies: 18, seats: (0..seats).map(seat).collect() }
    };
    (0..).zip(units).map(game).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GameKey;
    use crate::event::jobs::{JobSpec, ModelContender};
    use crate::event::samples::{hash, specs};

    fn spec() -> GauntletSpec {
        let JobSpec::Gauntlet(spec) = specs().swap_remove(4) else { unreachable!() };
        let opponent = ModelContender { weights: hash("weights 0"), ..spec.candidate.clone() };
        GauntletSpec { pairs: 2, first_pair: 5, opponent: Contender::Model(opponent), ..spec }
    }

    fn tally(pairs: [u32; 5]) -> MatchTally {
        MatchTally { pairs: pairs.to_vec(), ..MatchTally::default() }
    }

    #[test]
    fn an_honest_attestation_holds_for_every_number_of_seats() {
        let spec = spec();
        assert_eq!(check(&spec, &tally([0, 0, 1, 1, 0]), &honest(&spec, &[2, 0, 1, 2])), Ok(()));
        for (game, seats, bins) in [("ringrift-square8-3p", 3, 19), ("ringrift-hex8-4p", 4, 49)] {
            let spec = GauntletSpec { game: GameKey(game.to_owned()), opponent: Contender::Random, ..spec.clone() };
            let mut pairs = vec![0; bins];
            pairs[0] = 2;
            let tally = MatchTally { pairs, ..MatchTally::default() };
            assert_eq!(check(&spec, &tally, &honest(&spec, &vec![0; 2 * seats])), Ok(()), "{game}");
        }
    }

    #[test]
    fn every_lie_is_told() {
        let spec = spec();
        let (ran, due) = (hash("weights 0").short(), hash("weights 1").short());
        let lie = |change: &dyn Fn(&mut Vec<GameAttestation>)| {
            let mut games = honest(&spec, &[2, 0, 1, 2]);
            change(&mut games);
            check(&spec, &tally([0, 0, 1, 1, 0]), &games).expect_err("a lie")
        };
        // The candidate holds seat 1 in game 0 of group 5.
        assert_eq!(
            lie(&|games| games[0].seats[1].weights = Some(hash("weights 0"))),
            format!("game 0 of group 5: seat 1 ran weights {ran} instead of {due}")
        );
        // It holds seat 1 in game 1 of group 6 too: the opponent must not play with its weights.
        assert_eq!(
            lie(&|games| games[3].seats[0].weights = Some(hash("weights 1"))),
            format!("game 1 of group 6: seat 0 ran weights {due} instead of {ran}")
        );
        assert_eq!(lie(&|games| games[2].seats[1].leaves = 0), "game 0 of group 6: seat 1 never had its net asked");
        assert_eq!(lie(&|games| games[2].seats[0].decisions = 0), "game 0 of group 6: seat 0 never had its net search");
        assert!(lie(&|games| games[1].seats[0].weights = None).ends_with(&format!("has no net instead of {due}")));
        assert_eq!(lie(&|games| games.truncate(3)), "3 games are attested for 2 groups of 2 games");
        assert_eq!(
            lie(&|games| games[1] = games[0].clone()),
            "game 0 of group 5 is attested in the place of game 1 of group 5"
        );
        assert_eq!(lie(&|games| games[0].seats.truncate(1)), "game 0 of group 5: 1 seats are attested, not 2");
        assert_eq!(lie(&|games| games[1].units = 2), "the attested games come to other scores than those counted");
        assert_eq!(lie(&|games| games[1].units = 40), "group 5 scores 42 units, more than there are");
    }

    #[test]
    fn a_game_that_was_over_before_a_seat_had_a_turn_is_no_lie() {
        let spec = spec();
        let mut games = honest(&spec, &[2, 0, 1, 2]);
        games[0].plies = 1;
        games[0].seats[0] = SeatAttestation { decisions: 0, leaves: 0, ..games[0].seats[0] };
        assert_eq!(check(&spec, &tally([0, 0, 1, 1, 0]), &games), Ok(()));
    }

    #[test]
    fn a_player_without_a_net_has_none() {
        let spec = GauntletSpec { opponent: Contender::Random, ..spec() };
        let mut games = honest(&spec, &[2, 0, 1, 2]);
        games[0].seats[0].leaves = 1;
        let error = check(&spec, &tally([0, 0, 1, 1, 0]), &games);
        assert_eq!(error, Err("game 0 of group 5: seat 0 has a net, and none was due".to_owned()));
    }
}
