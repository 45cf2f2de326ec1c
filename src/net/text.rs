//! Tokens as one line of text: a family, a version, and fields behind a checksum, in base 64.
//!
//! ```text
//! family version "." base64url( checksum, 8 bytes | fields )
//! field = u16 length (little endian) | bytes
//! ```

use data_encoding::BASE64URL_NOPAD;

use super::error::TokenError;
use crate::event::Hash;

/// The longest token text that is looked at. Real ones have about 1,500 characters.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
const CHECKSUM_BYTES: usize = 8;

/// The text of `fields`.
pub(super) fn encode(family: &str, version: &str, fields: &[u8]) -> String {
    let payload = [&checksum(fields)[..], fields].concat();
    format!("{family}{version}.{}", BASE64URL_NOPAD.encode(&payload))
}

/// The fields in a text. Space around it and line breaks within, as mail programs make them, do no harm.
pub(super) fn decode(text: &str, family: &str, version: &str) -> Result<Vec<u8>, TokenError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TokenError::NotAToken);
    }
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let rest = text.strip_prefix(family).ok_or(TokenError::NotAToken)?;
    let (found, payload) = rest.split_once('.').ok_or(TokenError::NotAToken)?;
    if found != version {
        return Err(TokenError::Version(found.chars().take(16).collect()));
    }
    let payload = BASE64URL_NOPAD
        .decode(payload.as_bytes())
        .map_err(|_| TokenError::Damaged("characters are missing or do not belong there"))?;
    let (sum, fields) = payload.split_at_checked(CHECKSUM_BYTES).ok_or(TokenError::Damaged("it is cut short"))?;
    if sum != checksum(fields) {
        return Err(TokenError::Damaged("its checksum is wrong"));
    }
    Ok(fields.to_vec())
}

/// Appends a field.
pub(super) fn put(fields: &mut Vec<u8>, field: &[u8]) {
    // Certificates have some 400 bytes and addresses a few dozen; what could not be read back is cut off here.
    let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
    fields.extend_from_slice(&length.to_le_bytes());
    fields.extend_from_slice(&field[..length.into()]);
}

/// Takes the next field off the front.
pub(super) fn take<'a>(fields: &mut &'a [u8]) -> Result<&'a [u8], TokenError> {
    let (length, rest) = fields.split_first_chunk().ok_or_else(malformed)?;
    let (field, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into()).ok_or_else(malformed)?;
    *fields = rest;
    Ok(field)
}

/// Takes the next field, which is a number.
pub(super) fn take_u64(fields: &mut &[u8]) -> Result<u64, TokenError> {
    take(fields)?.try_into().map(u64::from_le_bytes).map_err(|_| malformed())
}

/// Takes the next field, which is text.
pub(super) fn take_text(fields: &mut &[u8]) -> Result<String, TokenError> {
    std::str::from_utf8(take(fields)?).map(str::to_owned).map_err(|_| malformed())
}

/// The fields are not what they should be.
pub(super) fn malformed() -> TokenError {
    TokenError::Damaged("its content is malformed")
}

fn checksum(fields: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&Hash::of(fields).0[..CHECKSUM_BYTES]);
    sum
}
