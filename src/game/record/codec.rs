//! The bytes of one game.

use super::fault::RecordFault;
use super::findings::Findings;
use super::game_record::{GameRecord, Generator, PlyRecord};
use crate::game::{ActionId, Outcome, SEATS_MAX};

const RANDOM: u8 = 0;
const ALPHA_BETA: u8 = 1;
const MODEL: u8 = 2;
const GREEDY: u8 = 3;
const PLANNER: u8 = 4;
const NO_FINDINGS: u8 = 0;
const FINDINGS: u8 = 1;
const SPARSE_FINDINGS: u8 = 2;
/// Legal actions from which on a policy is written sparse, when that is shorter.
const SPARSE_FROM: usize = 32;
/// The shortest ply: an action without findings.
const PLY_BYTES_MIN: usize = 5;
/// The most plies of a game, whatever its rules say. Keeps what a hostile file takes in memory near its own length.
pub const PLIES_MAX: usize = 1 << 16;

/// Appends the payload of `game`, and returns the lowest format version that can hold it. A legal list longer than 65535 actions
/// cannot be written.
pub(super) fn write_game(game: &GameRecord, into: &mut Vec<u8>) -> Result<u16, RecordFault> {
    into.extend(game.seed.to_le_bytes());
    into.push(game.outcome.winners());
    into.extend(bounded("number of plies", game.plies.len(), PLIES_MAX)?.to_le_bytes());
    let mut version = 1;
    for generator in &game.generators {
        version = version.max(write_generator(generator, into));
    }
    for ply in &game.plies {
        version = version.max(write_ply(ply, into)?);
    }
    Ok(version)
}

/// Reads a payload of a game for `seats` players in a file of this format version. It must have no byte too many.
pub(super) fn read_game(payload: &[u8], seats: usize, version: u16) -> Result<GameRecord, RecordFault> {
    let mut bytes = Bytes(payload);
    let seed = u64::from_le_bytes(bytes.array("seed")?);
    let mask = bytes.byte("winners")?;
    let outcome = Outcome::from_winners(mask, seats.min(SEATS_MAX))
        .ok_or(RecordFault::Meaningless { what: "winners", found: u64::from(mask) })?;
    let plies = bytes.u32("number of plies")? as usize;
    bounded("number of plies", plies, PLIES_MAX)?;
    let generators = (0..seats).map(|_| read_generator(&mut bytes, version)).collect::<Result<_, _>>()?;
    // Before anything is reserved: so many plies must fit into the bytes that are really there.
    let needed = plies.saturating_mul(PLY_BYTES_MIN);
    if needed > bytes.left() {
        return Err(RecordFault::Truncated { what: "plies", needed, left: bytes.left() });
    }
    let plies = (0..plies).map(|_| read_ply(&mut bytes, seats, version)).collect::<Result<_, _>>()?;
    bytes.end("the game")?;
    Ok(GameRecord { seed, generators, plies, outcome })
}

fn write_generator(generator: &Generator, into: &mut Vec<u8>) -> u16 {
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
        Generator::Greedy => {
            into.push(GREEDY);
            return 2;
        }
        Generator::Planner { simulations, considered } => {
            into.push(PLANNER);
            into.extend(simulations.to_le_bytes());
            into.extend(considered.to_le_bytes());
            return 2;
        }
    }
    1
}

fn read_generator(bytes: &mut Bytes<'_>, version: u16) -> Result<Generator, RecordFault> {
    Ok(match bytes.byte("generator")? {
        RANDOM => Generator::Random,
        ALPHA_BETA => Generator::AlphaBeta { depth: bytes.u32("depth")? },
        MODEL => Generator::Model {
            weights: bytes.array("weights")?,
            simulations: bytes.u32("simulations")?,
            considered: bytes.u32("considered actions")?,
            gumbel_scale_millionths: bytes.u32("Gumbel scale")?,
        },
        GREEDY if version >= 2 => Generator::Greedy,
        PLANNER if version >= 2 => {
            Generator::Planner { simulations: bytes.u32("simulations")?, considered: bytes.u32("considered actions")? }
        }
        other => return Err(RecordFault::Meaningless { what: "generator", found: u64::from(other) }),
    })
}

fn write_ply(ply: &PlyRecord, into: &mut Vec<u8>) -> Result<u16, RecordFault> {
    into.extend(ply.action.0.to_le_bytes());
    let Some(findings) = &ply.findings else {
        into.push(NO_FINDINGS);
        return Ok(1);
    };
    let legal = bounded("number of legal actions", findings.policy.len(), usize::from(u16::MAX))? as u16;
    let entries = findings.policy.iter().filter(|&&share| share > 0).count();
    let sparse = findings.policy.len() >= SPARSE_FROM && 2 + 4 * entries < 2 * findings.policy.len();
    into.push(if sparse { SPARSE_FINDINGS } else { FINDINGS });
    into.extend(findings.simulations.to_le_bytes());
    findings.value.iter().for_each(|share| into.extend(share.to_le_bytes()));
    into.extend(legal.to_le_bytes());
    if !sparse {
        findings.policy.iter().for_each(|share| into.extend(share.to_le_bytes()));
        return Ok(1);
    }
    into.extend((entries as u16).to_le_bytes());
    for (index, share) in findings.policy.iter().enumerate().filter(|(_, share)| **share > 0) {
        into.extend((index as u16).to_le_bytes());
        into.extend(share.to_le_bytes());
    }
    Ok(2)
}

fn read_ply(bytes: &mut Bytes<'_>, seats: usize, version: u16) -> Result<PlyRecord, RecordFault> {
    let action = ActionId(bytes.u32("action")?);
    let findings = match bytes.byte("findings")? {
        NO_FINDINGS => None,
        tag @ (FINDINGS | SPARSE_FINDINGS) if tag == FINDINGS || version >= 2 => Some(Findings {
            simulations: bytes.u32("simulations")?,
            value: bytes.shares("value", seats)?,
            policy: {
                let legal = usize::from(u16::from_le_bytes(bytes.array("number of legal actions")?));
                if tag == FINDINGS { bytes.shares("policy", legal)? } else { read_sparse(bytes, legal)? }
            },
        }),
        other => return Err(RecordFault::Meaningless { what: "findings", found: u64::from(other) }),
    };
    Ok(PlyRecord { action, findings })
}

/// A policy over `legal` actions of which only some have a share. It has exactly one spelling: as [`write_ply`] writes it.
fn read_sparse(bytes: &mut Bytes<'_>, legal: usize) -> Result<Vec<u16>, RecordFault> {
    let entries = usize::from(u16::from_le_bytes(bytes.array("number of shares")?));
    if legal < SPARSE_FROM || 2 + 4 * entries >= 2 * legal {
        return Err(RecordFault::Meaningless { what: "number of shares", found: entries as u64 });
    }
    let pairs = bytes.shares("policy", 2 * entries)?;
    let mut policy = vec![0; legal];
    let mut next = 0;
    for pair in pairs.chunks_exact(2) {
        let (index, share) = (usize::from(pair[0]), pair[1]);
        if index < next || index >= legal || share == 0 {
            return Err(RecordFault::Meaningless { what: "place of a share", found: index as u64 });
        }
        policy[index] = share;
        next = index + 1;
    }
    Ok(policy)
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
