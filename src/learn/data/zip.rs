//! ZIP archives: written without compression, read with or without.
//!
//! Only what NumPy writes and reads: no encryption, no archives beyond 4 GiB, no more than a few members.

use std::collections::BTreeMap;
use std::io::Read as _;

use super::error::DataError;

/// The largest archive. Beyond it, offsets would need the 64-bit form.
pub(super) const ARCHIVE_BYTES_MAX: u64 = u32::MAX as u64 - (1 << 20);
/// Members of an archive that is read.
const MEMBERS_MAX: usize = 64;
/// 1 January 1980, so that the same members give the same bytes.
const DATE: u16 = 0x21;
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
/// A comment behind the end is at most this long.
const COMMENT_BYTES_MAX: usize = 1 << 16;

/// The archive of these members, in order.
pub(super) fn write(members: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, DataError> {
    let bytes: u64 = members.iter().map(|(name, data)| (data.len() + 2 * name.len() + 128) as u64).sum();
    if bytes > ARCHIVE_BYTES_MAX {
        return Err(DataError::TooLarge { bytes, max: ARCHIVE_BYTES_MAX });
    }
    let (mut archive, mut central) = (Vec::with_capacity(bytes as usize), Vec::new());
    for (name, data) in members {
        let start = archive.len() as u32;
        let mut common = Vec::new();
        for half in [20, 0, 0, 0, DATE] {
            common.extend_from_slice(&half.to_le_bytes());
        }
        for word in [crc32fast::hash(data), data.len() as u32, data.len() as u32] {
            common.extend_from_slice(&word.to_le_bytes());
        }
        for half in [name.len() as u16, 0] {
            common.extend_from_slice(&half.to_le_bytes());
        }
        archive.extend_from_slice(&LOCAL.to_le_bytes());
        archive.extend_from_slice(&common);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(data);
        central.extend_from_slice(&CENTRAL.to_le_bytes());
        central.extend_from_slice(&20_u16.to_le_bytes());
        central.extend_from_slice(&common);
        central.extend_from_slice(&[0; 10]);
        central.extend_from_slice(&start.to_le_bytes());
        central.extend_from_slice(name.as_bytes());
    }
    let (start, count) = (archive.len() as u32, members.len() as u16);
    archive.extend_from_slice(&central);
    archive.extend_from_slice(&END.to_le_bytes());
    for half in [0, 0, count, count] {
        archive.extend_from_slice(&half.to_le_bytes());
    }
    archive.extend_from_slice(&(central.len() as u32).to_le_bytes());
    archive.extend_from_slice(&start.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    Ok(archive)
}

/// The members of an archive by name, unpacked and checked. `bytes_max` bounds what they may have together.
pub(super) fn read(archive: &[u8], bytes_max: u64) -> Result<BTreeMap<String, Vec<u8>>, DataError> {
    let bad = |what: &str| DataError::Npz(what.to_owned());
    let from = archive.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let end = (from..=archive.len().saturating_sub(END_BYTES)).rev().find(|at| word(archive, *at) == Some(END));
    let end = end.ok_or_else(|| bad("it has no directory: not a ZIP archive, or cut short"))?;
    let count = half(archive, end + 10).map_or(0, usize::from);
    let mut at = word(archive, end + 16).map_or(usize::MAX, |start| start as usize);
    if count > MEMBERS_MAX {
        return Err(bad("it has too many members"));
    }
    let (mut members, mut left) = (BTreeMap::new(), bytes_max);
    for _ in 0..count {
        let (name, data, next) = member(archive, at, left)?;
        left -= data.len() as u64;
        members.insert(name, data);
        at = next;
    }
    Ok(members)
}

/// A member by its entry in the directory, and where the next entry begins.
fn member(archive: &[u8], at: usize, bytes_max: u64) -> Result<(String, Vec<u8>, usize), DataError> {
    let bad = |what: &str| DataError::Npz(what.to_owned());
    let cut = || bad("its directory is cut short");
    let half_at = |offset: usize| at.checked_add(offset).and_then(|it| half(archive, it)).ok_or_else(cut);
    let word_at = |offset: usize| at.checked_add(offset).and_then(|it| word(archive, it)).ok_or_else(cut);
    if word_at(0)? != CENTRAL {
        return Err(cut());
    }
    let (method, crc) = (half_at(10)?, word_at(16)?);
    let (packed, size, local) = (word_at(20)? as usize, word_at(24)?, word_at(42)? as usize);
    let (name_len, extra, comment) = (half_at(28)?, half_at(30)?, half_at(32)?);
    let name_end = at + 46 + usize::from(name_len);
    let name = archive.get(at + 46..name_end).ok_or_else(cut)?;
    let name = String::from_utf8(name.to_vec()).map_err(|_| bad("a member's name is not text"))?;
    if u64::from(size) > bytes_max {
        return Err(bad("its members are larger than allowed"));
    }
    let lengths = half(archive, local.saturating_add(26)).zip(half(archive, local.saturating_add(28)));
    let (local_name, local_extra) = lengths.ok_or_else(cut)?;
    let start = local + 30 + usize::from(local_name) + usize::from(local_extra);
    let stored = archive.get(start..start.saturating_add(packed)).ok_or_else(|| bad("a member is cut short"))?;
    let data = match method {
        0 => stored.to_vec(),
        8 => {
            let mut data = Vec::new();
            let inflate = flate2::read::DeflateDecoder::new(stored).take(u64::from(size) + 1).read_to_end(&mut data);
            inflate.map_err(|error| DataError::Npz(format!("member {name}: {error}")))?;
            data
        }
        _ => return Err(DataError::Npz(format!("member {name} is packed by method {method}; only 0 and 8 are known"))),
    };
    if data.len() != size as usize || crc32fast::hash(&data) != crc {
        return Err(DataError::Npz(format!("member {name} is damaged: its checksum is wrong")));
    }
    Ok((name, data, name_end + usize::from(extra) + usize::from(comment)))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_le_bytes(*chunk))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk))
}
