//! Replays a record by the rules.

use super::fault::{PlyFault, RecordFault};
use super::file::check_seats;
use super::findings::POLICY_SCALE;
use super::game_record::{GameRecord, PlyRecord};
use crate::game::{Game, Outcome, Seat};

/// A position on the way through a record, before its ply was played.
#[derive(Debug)]
pub struct PlyView<'a, G: Game> {
    /// The ply, from 0.
    pub ply: usize,
    /// The position.
    pub state: &'a G::State,
    /// Its legal actions in canonical order.
    pub legal: &'a [G::Action],
    /// Who moves.
    pub mover: Seat,
    /// What the record says about the ply.
    pub record: &'a PlyRecord,
}

/// What follows from a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How the game ended.
    pub outcome: Outcome,
    /// Who moved, for each ply.
    pub movers: Vec<Seat>,
    /// The phase of the turn, for each ply.
    pub phases: Vec<&'static str>,
}

/// Replays a game and checks everything that it claims.
///
/// # Errors
/// The first claim that does not hold.
pub fn replay<G: Game>(game: &G, record: &GameRecord) -> Result<Replayed, RecordFault> {
    let (mut movers, mut phases) = (Vec::new(), Vec::new());
    let outcome = replay_with(game, record, |view| {
        movers.push(view.mover);
        phases.push(game.phase(view.state));
    })?;
    Ok(Replayed { outcome, movers, phases })
}

/// Replays a game, checks everything that it claims, and shows `see` each position on the way (those before the first
/// fault, if there is one).
///
/// # Errors
/// The first claim that does not hold.
pub fn replay_with<G: Game>(
    game: &G,
    record: &GameRecord,
    see: impl FnMut(PlyView<'_, G>),
) -> Result<Outcome, RecordFault> {
    walk(game, record, see).map_err(|(_, fault)| fault)
}

/// [`replay_with`], with the position in which the game ended.
///
/// # Errors
/// The first claim that does not hold.
pub fn replay_to_end<G: Game>(
    game: &G,
    record: &GameRecord,
    see: impl FnMut(PlyView<'_, G>),
) -> Result<(Outcome, G::State), RecordFault> {
    walk_to_end(game, record, see).map_err(|(_, fault)| fault)
}

/// [`replay_with`], with the ply of the fault.
pub(super) fn walk<G: Game>(
    game: &G,
    record: &GameRecord,
    see: impl FnMut(PlyView<'_, G>),
) -> Result<Outcome, PlyFault> {
    walk_to_end(game, record, see).map(|(outcome, _)| outcome)
}

fn walk_to_end<G: Game>(
    game: &G,
    record: &GameRecord,
    mut see: impl FnMut(PlyView<'_, G>),
) -> Result<(Outcome, G::State), PlyFault> {
    let whole = |fault| (None, fault);
    check_seats(record, game.seats()).map_err(whole)?;
    let (found, limit) = (record.plies.len(), game.plies_max());
    if found > limit {
        return Err(whole(RecordFault::TooLarge { what: "number of plies", found, limit }));
    }
    let mut state = game.start();
    let mut legal = Vec::new();
    for (ply, played) in record.plies.iter().enumerate() {
        game.legal(&state, &mut legal);
        let action = check_ply(game, &state, &legal, played).map_err(|fault| (Some(ply as u32), fault))?;
        see(PlyView { ply, state: &state, legal: &legal, mover: game.to_move(&state), record: played });
        game.play_listed(&mut state, &action);
    }
    let outcome = game.outcome(&state).ok_or(whole(RecordFault::Unfinished))?;
    if outcome != record.outcome {
        let (declared, derived) = (record.outcome.winners(), outcome.winners());
        return Err(whole(RecordFault::Outcome { declared, derived }));
    }
    Ok((outcome, state))
}

/// The action of a ply, once its findings are seen to fit the position.
fn check_ply<G: Game>(
    game: &G,
    state: &G::State,
    legal: &[G::Action],
    played: &PlyRecord,
) -> Result<G::Action, RecordFault> {
    if legal.is_empty() {
        return Err(RecordFault::PlayedOn);
    }
    if let Some(findings) = &played.findings {
        if findings.policy.len() != legal.len() {
            return Err(RecordFault::PolicyLength { found: findings.policy.len(), legal: legal.len() });
        }
        if findings.policy_sum() != u64::from(POLICY_SCALE) {
            return Err(RecordFault::PolicySum { found: findings.policy_sum() });
        }
    }
    game.action(state, played.action)
        .ok_or_else(|| RecordFault::UnknownAction { id: played.action.0, phase: game.phase(state) })
}
