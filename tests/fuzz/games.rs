//! Files of recorded games.

use kifu::game::connect4::ConnectFour;
use kifu::game::record::{GameRecord, RecordReader, RecordWriter, verify_file};

use crate::harness::Target;

fn golden() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/games/connect4-v1.kgr")).unwrap()
}

fn games_of(file: &[u8]) -> Option<Vec<GameRecord>> {
    RecordReader::open(file).ok()?.collect::<Result<_, _>>().ok()
}

fn file_of(games: &[GameRecord]) -> Option<Vec<u8>> {
    let mut writer = RecordWriter::new(&ConnectFour);
    games.iter().try_for_each(|game| writer.push(game)).ok()?;
    Some(writer.finish())
}

/// Makes the checksums of the header and of each game right, as far as the lengths lead.
fn mend(bytes: &mut [u8]) {
    let Some(key_bytes) = bytes.get(11).map(|length| usize::from(*length)) else { return };
    let header = 20 + key_bytes;
    if bytes.len() < header + 4 {
        return;
    }
    let crc = crc32c::crc32c(&bytes[..header]);
    bytes[header..header + 4].copy_from_slice(&crc.to_le_bytes());
    let mut at = header + 4;
    while let Some(length) = bytes.get(at..at + 4).map(|four| u32::from_le_bytes(four.try_into().unwrap()) as usize) {
        let Some(game) = at.checked_add(8 + length).and_then(|end| bytes.get_mut(at..end)) else { return };
        let crc = crc32c::crc32c(&game[8..]);
        game[4..8].copy_from_slice(&crc.to_le_bytes());
        at += 8 + length;
    }
}

#[test]
fn game_records() {
    let few = file_of(&games_of(&golden()).unwrap()[..2]).unwrap();
    Target::new("game_records", vec![few], |bytes| {
        let _ = verify_file(bytes, "connect4", u32::MAX);
        file_of(&games_of(bytes)?)
    })
    .mended(mend)
    .run();
}
