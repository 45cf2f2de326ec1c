//! Changes to valid samples: flipped bits, cuts, pieces of other samples, lengths that lie, numbers and brackets for texts.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Longest input; growth stops here.
const BYTES_MAX: usize = 1 << 20;
/// Numbers that decoders get wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    127,
    255,
    256,
    65_535,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX - 1,
    u64::MAX,
];
/// Pieces of JSON that decoders get wrong.
const WORDS: [&str; 16] = [
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[[[[[[[",
    "{\"a\":",
    "0.1",
    "\"job/\"",
    ",",
    "}",
];

/// A changed copy of `samples[of]`.
pub fn mutate(samples: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = samples[rng.random_range(0..samples.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        change(&mut bytes, samples, rng);
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, samples: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    match rng.random_range(0..12) {
        0..=2 => flip(bytes, rng),
        3 => bytes.truncate(rng.random_range(0..=bytes.len())),
        4 | 5 => write_number(bytes, rng),
        6 => {
            let other = &samples[rng.random_range(0..samples.len())];
            let piece = piece(other, rng);
            let at = rng.random_range(0..=bytes.len());
            bytes.splice(at..at, piece);
        }
        7 => {
            let (begin, end) = range(bytes.len(), rng);
            bytes.drain(begin..end);
        }
        8 => {
            let (begin, end) = range(bytes.len(), rng);
            let fill = [0, 0xff, b'[', b'"', rng.random()][rng.random_range(0..5)];
            bytes[begin..end].fill(fill);
        }
        9 => {
            let tail: Vec<u8> = (0..rng.random_range(1..64)).map(|_| rng.random()).collect();
            bytes.extend(tail);
        }
        10 => {
            let piece = piece(bytes, rng);
            let at = rng.random_range(0..=bytes.len());
            let times = rng.random_range(1..8);
            bytes.splice(at..at, piece.repeat(times));
        }
        _ => write_word(bytes, rng),
    }
}

fn flip(bytes: &mut [u8], rng: &mut ChaCha8Rng) {
    if !bytes.is_empty() {
        bytes[rng.random_range(0..bytes.len())] ^= 1 << rng.random_range(0..8);
    }
}

/// Overwrites two, four or eight bytes with a number, in either order of bytes.
fn write_number(bytes: &mut [u8], rng: &mut ChaCha8Rng) {
    let width = [1, 2, 4, 8][rng.random_range(0..4)];
    if bytes.len() < width {
        return;
    }
    let number = match rng.random_range(0..3) {
        0 => bytes.len() as u64 + rng.random_range(0..3) - 1,
        _ => NUMBERS[rng.random_range(0..NUMBERS.len())],
    };
    let at = rng.random_range(0..=bytes.len() - width);
    match rng.random() {
        true => bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]),
        false => bytes[at..at + width].copy_from_slice(&number.to_be_bytes()[8 - width..]),
    }
}

/// Puts a piece of JSON in the place of another: of a number, a word, or whatever stands there.
fn write_word(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let word = WORDS[rng.random_range(0..WORDS.len())].repeat(if rng.random_ratio(1, 20) { 5_000 } else { 1 });
    let begin = rng.random_range(0..=bytes.len());
    let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':');
    let end = bytes[begin..].iter().position(ends).map_or(begin, |length| begin + length.min(64));
    bytes.splice(begin..end, word.into_bytes());
}

fn range(length: usize, rng: &mut ChaCha8Rng) -> (usize, usize) {
    let begin = rng.random_range(0..=length);
    (begin, length.min(begin + rng.random_range(0..64)))
}

fn piece(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let (begin, end) = range(bytes.len(), rng);
    bytes[begin..end].to_vec()
}
