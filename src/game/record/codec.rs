//! The bytes of one game.

use super::fault::RecordFault;
use super::findings::Findings;
use super::game_record::{GameRecord, Generator, PlyRecord};
use crate::game::{ActionId, Outcome, SEATS_MAX};

const RANDOM: u8 = 0;
const ALPHA_BETA: u8 = 1;
const MODEL: u8 = 2;
const NO_FINDINGS: u8 = 0;
const FINDINGS: u8 = 1;
/// The shortest ply: an action without findings.
const PLY_BYTES_MIN: usize = 5;
/// The most plies of a game, whatever its rules say. Keeps what a hostile file takes in memory near its own length.
pub const PLIES_MAX: usize = 1 << 16;

/// Appends the payload of `game`. A legal list longer than 65535 actions cannot be written.
pub(super) fn write_game(game: &GameRecord, into: &mut Vec<u8>) -> Result<(), RecordFault> {
    into.extend(game.seed.to_le_bytes());
    into.push(game.outcome.winners());
    into.extend(bounded("number of plies", game.plies.len(), PLIES_MAX)?.to_le_bytes());
    game.generators.iter().for_each(|generator| write_generator(generator, into));
    game.plies.iter().try_for_each(|ply| write_ply(ply, into))
}

/// Reads a payload of a game for `seats` players, which must have no byte too many.
pub(super) fn read_game(payload: &[u8], seats: usize) -> Result<GameRecord, RecordFault> {
    let mut bytes = Bytes(payload);
    let seed = u64::from_le_bytes(bytes.array("seed")?);
    let mask = bytes.byte("winners")?;
    let outcome = Outcome::from_winners(mask, seats.min(SEATS_MAX))
        .ok_or(RecordFault::Meaningless { what: "winners", found: u64::from(mask) })?;
    let plies = bytes.u32("number of plies")? as usize;
    bounded("number of plies", plies, PLIES_MAX)?;
    let generators = (0..seats).map(|_| read_generator(&mut bytes)).collect::<Result<_, _>>()?;
    // Before anything is reserved: so many plies must fit into the bytes that are really there.
    let needed = plies.saturating_mul(PLY_BYTES_MIN);
    if needed > bytes.left() {
        return Err(RecordFault::Truncated { what: "plies", needed, left: bytes.left() });
    }
    let plies = (0..plies).map(|_| read_ply(&mut bytes, seats)).collect::<Result<_, _>>()?;
    bytes.end("the game")?;
    Ok(GameRecord { seed, generators, plies, outcome })
}

fn write_generator(generator: &Generator, into: &mut Vec<u8>) {
    match generator {
        Generator::Random => into.push(RANDOM),
        Generator::AlphaBeta { depth } => {
            into.push(ALPHA_BETA);
            into.extend(depth.to_le_bytes());
        }
        Generator::Model { weights, simulations, considered, gumbel_scale_millionths } => {
            into.push(MODEL);
            into.extend(weights);
            for number in [simulations, considered, gumbel_scale_millionths] {
                into.extend(number.to_le_bytes());
            }
        }
    }
}

fn read_generator(bytes: &mut Bytes<'_>) -> Result<Generator, RecordFault> {
    Ok(match bytes.byte("generator")? {
        RANDOM => Generator::Random,
        ALPHA_BETA => Generator::AlphaBeta { depth: bytes.u32("depth")? },
        MODEL => Generator::Model {
            weights: bytes.array("weights")?,
            simulations: bytes.u32("simulations")?,
            considered: bytes.u32("considered actions")?,
            gumbel_scale_millionths: bytes.u32("Gumbel scale")?,
        },
        other => return Err(RecordFault::Meaningless { what: "generator", found: u64::from(other) }),
    })
}

fn write_ply(ply: &PlyRecord, into: &mut Vec<u8>) -> Result<(), RecordFault> {
    into.extend(ply.action.0.to_le_bytes());
    let Some(findings) = &ply.findings else {
        into.push(NO_FINDINGS);
        return Ok(());
    };
    into.push(FINDINGS);
    into.extend(findings.simulations.to_le_bytes());
    findings.value.iter().for_each(|share| into.extend(share.to_le_bytes()));
    let legal = bounded("number of legal actions", findings.policy.len(), usize::from(u16::MAX))?;
    into.extend((legal as u16).to_le_bytes());
    findings.policy.iter().for_each(|share| into.extend(share.to_le_bytes()));
    Ok(())
}

fn read_ply(bytes: &mut Bytes<'_>, seats: usize) -> Result<PlyRecord, RecordFault> {
    let action = ActionId(bytes.u32("action")?);
    let findings = match bytes.byte("findings")? {
        NO_FINDINGS => None,
        FINDINGS => Some(Findings {
            simulations: bytes.u32("simulations")?,
            value: bytes.shares("value", seats)?,
            policy: {
                let legal = u16::from_le_bytes(bytes.array("number of legal actions")?);
                bytes.shares("policy", usize::from(legal))?
            },
        }),
        other => return Err(RecordFault::Meaningless { what: "findings", found: u64::from(other) }),
    };
    Ok(PlyRecord { action, findings })
}

fn bounded(what: &'static str, found: usize, limit: usize) -> Result<u32, RecordFault> {
    if found > limit { Err(RecordFault::TooLarge { what, found, limit }) } else { Ok(found as u32) }
}

/// Bytes that are read from the front and never beyond their end.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take(&mut self, what: &'static str, needed: usize) -> Result<&'a [u8], RecordFault> {
        let (taken, rest) =
            self.0.split_at_checked(needed).ok_or(RecordFault::Truncated { what, needed, left: self.0.len() })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RecordFault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(what, N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, RecordFault> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, RecordFault> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(super) fn end(&self, what: &'static str) -> Result<(), RecordFault> {
        if self.0.is_empty() { Ok(()) } else { Err(RecordFault::Trailing { what, bytes: self.0.len() }) }
    }

    fn shares(&mut self, what: &'static str, count: usize) -> Result<Vec<u16>, RecordFault> {
        let bytes = self.take(what, count * 2)?;
        Ok(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
    }
}
