//! Arrays in NumPy's `.npy` format, version 1.0: magic, length of the header, a Python dictionary, then the elements.

use super::error::DataError;

/// Bytes before the header.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";
/// The header ends at a multiple of this.
const ALIGNMENT: usize = 64;

/// An element of an array.
pub(super) trait Element: Copy + Sized {
    /// NumPy's name of the type.
    const NAME: &'static str;
    /// Its bytes.
    const BYTES: usize;
    fn put(self, into: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! elements {
    ($($type:ty, $name:literal;)*) => {$(
        impl Element for $type {
            const NAME: &'static str = $name;
            const BYTES: usize = size_of::<$type>();
            fn put(self, into: &mut Vec<u8>) {
                into.extend_from_slice(&self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                <$type>::from_le_bytes(bytes.try_into().expect("chunks of just this length"))
            }
        }
    )*};
}

elements! {
    f32, "<f4";
    u32, "<u4";
    u64, "<u8";
    u8, "|u1";
}

/// The bytes of an array.
pub(super) fn encode<T: Element>(shape: &[usize], data: &[T]) -> Vec<u8> {
    let sides: String = shape.iter().map(|side| format!("{side},")).collect();
    let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sides}), }}", T::NAME);
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(ALIGNMENT) - unpadded));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.reserve(data.len() * T::BYTES);
    data.iter().for_each(|value| value.put(&mut bytes));
    bytes
}

/// Reads an array: its shape and elements.
pub(super) fn decode<T: Element>(name: &str, bytes: &[u8]) -> Result<(Vec<usize>, Vec<T>), DataError> {
    let bad = |what: &str| DataError::Npz(format!("array {name} {what}"));
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| bad("is not in npy format 1.0"))?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(|| bad("is cut short"))?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| bad("is cut short"))?;
    let header = std::str::from_utf8(header).map_err(|_| bad("has a header that is not text"))?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start());
    let type_name = after("'descr':").and_then(|it| it.strip_prefix('\'')).and_then(|it| it.split_once('\''));
    if type_name.map(|(name, _)| name) != Some(T::NAME) {
        return Err(bad(&format!("must have elements of type {}", T::NAME)));
    }
    if !after("'fortran_order':").is_some_and(|it| it.starts_with("False")) {
        return Err(bad("must be in C order"));
    }
    let sides = after("'shape':").and_then(|it| it.strip_prefix('(')).and_then(|it| it.split_once(')'));
    let (sides, _) = sides.ok_or_else(|| bad("has no shape"))?;
    let sides = sides.split(',').map(str::trim).filter(|side| !side.is_empty()).map(str::parse);
    let shape: Vec<usize> = sides.collect::<Result<_, _>>().map_err(|_| bad("has no sensible shape"))?;
    let len = shape.iter().try_fold(T::BYTES, |product, side| product.checked_mul(*side));
    if len != Some(data.len()) {
        return Err(bad("does not have the elements of its shape"));
    }
    Ok((shape, data.chunks_exact(T::BYTES).map(T::get).collect()))
}
