//! Named tensors in one file: safetensors, with what the file is about and a checksum in its metadata.
//!
//! The metadata has a single entry, `kifu`, because safetensors writes entries in no particular order and the same weights
//! must give the same bytes. Tensors are 32-bit floats. Any Python that reads safetensors reads these files.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::error::LearnError;

/// The largest file that is read: far above any net here, far below any machine's memory.
pub const FILE_BYTES_MAX: u64 = 1 << 30;
/// The longest header that is read; a net of a thousand tensors needs a tenth of it.
const HEADER_BYTES_MAX: u64 = 1 << 20;
/// The version of the metadata. Version 1 had nets with a dense policy head.
const VERSION: u32 = 2;
/// The name of the only metadata entry.
const ENTRY: &str = "kifu";

/// A tensor on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    /// The shape.
    pub shape: Vec<usize>,
    /// The elements, last index fastest.
    pub data: Vec<f32>,
}

/// The metadata's entry.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<About> {
    /// What kind of file this is.
    format: String,
    /// Version of this entry.
    version: u32,
    /// BLAKE3 of `about` as it is written and of everything after the header, in hex.
    checksum: String,
    /// What the tensors belong to.
    about: About,
}

/// The bytes of a file of kind `format`. The same input gives the same bytes.
pub(super) fn encode<About: Serialize>(
    format: &str,
    about: &About,
    tensors: &BTreeMap<String, HostTensor>,
) -> Result<Vec<u8>, LearnError> {
    let bytes: BTreeMap<&str, Vec<u8>> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), to_bytes(&tensor.data))).collect();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&serde_json::to_vec(about).map_err(|error| bad(error.to_string()))?);
    bytes.values().for_each(|data| {
        hasher.update(data);
    });
    let checksum = hasher.finalize().to_hex().to_string();
    let entry = Entry { format: format.to_owned(), version: VERSION, checksum, about };
    let entry = serde_json::to_string(&entry).map_err(|error| bad(error.to_string()))?;
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, tensor)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), &bytes[name.as_str()]);
            view.map(|view| (name.as_str(), view)).map_err(|error| bad(format!("{name}: {error}")))
        })
        .collect::<Result<_, _>>()?;
    safetensors::serialize(views, Some(HashMap::from([(ENTRY.to_owned(), entry)])))
        .map_err(|error| bad(error.to_string()))
}

/// Reads the bytes of a file of kind `format`, wholly or not at all.
pub(super) fn decode<About: DeserializeOwned>(
    format: &str,
    bytes: &[u8],
) -> Result<(About, BTreeMap<String, HostTensor>), LearnError> {
    let data_start = check_header(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| bad(error.to_string()))?;
    let text = header.metadata().as_ref().and_then(|entries| entries.get(ENTRY));
    let text = text.ok_or_else(|| bad("its metadata has no kifu entry"))?;
    let entry: Entry<serde_json::Value> = parse(text)?;
    if entry.format != format {
        let (found, wanted) = (entry.format, format.to_owned());
        return Err(LearnError::Mismatch { field: "format", found, wanted });
    }
    if entry.version != VERSION {
        let found = format!("{format} version {}", entry.version);
        return Err(LearnError::Outdated { found, wanted: format!("{format} version {VERSION}") });
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(about_text(text).as_bytes()).update(&bytes[data_start..]);
    if hasher.finalize().to_hex().as_str() != entry.checksum {
        return Err(bad("its checksum is wrong: the file is damaged"));
    }
    let entry: Entry<About> = parse(text)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| bad(error.to_string()))?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_owned(), from_view(name, &view)?)));
    Ok((entry.about, tensors.collect::<Result<_, LearnError>>()?))
}

/// The metadata's entry; what the tensors belong to is only understood once format and version are.
fn parse<About: DeserializeOwned>(text: &str) -> Result<Entry<About>, LearnError> {
    serde_json::from_str(text).map_err(|error| bad(format!("its metadata: {error}")))
}

/// The last field of the entry as it is written.
fn about_text(entry: &str) -> &str {
    let rest = entry.split_once(r#""about":"#).map_or("", |(_, rest)| rest);
    rest.strip_suffix('}').unwrap_or(rest)
}

/// Reads a file of at most [`FILE_BYTES_MAX`] bytes.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, LearnError> {
    let io = |source| LearnError::Io { doing: "read", path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(bad(format!("{} has {bytes} bytes, over the limit of {FILE_BYTES_MAX}", path.display())));
    }
    std::fs::read(path).map_err(io)
}

/// Checks what safetensors takes on trust: that the header is of reasonable length and points nowhere outside the file.
/// Returns where the tensors' bytes begin.
fn check_header(bytes: &[u8]) -> Result<usize, LearnError> {
    #[derive(Deserialize)]
    struct Place {
        #[serde(default)]
        data_offsets: Option<(u64, u64)>,
        #[serde(flatten)]
        _rest: BTreeMap<String, IgnoredAny>,
    }

    let length = bytes.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk));
    let length = length.filter(|length| *length <= HEADER_BYTES_MAX).unwrap_or(u64::MAX);
    let end = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
    let header =
        end.and_then(|end| bytes.get(8..end)).ok_or_else(|| bad("it does not begin as one, or is cut short"))?;
    let places: BTreeMap<String, Place> =
        serde_json::from_slice(header).map_err(|error| bad(format!("its header: {error}")))?;
    let data_bytes = (bytes.len() - 8 - header.len()) as u64;
    let outside = |place: &Place| place.data_offsets.is_some_and(|(_, end)| end > data_bytes);
    match places.into_iter().find(|(_, place)| outside(place)) {
        Some((name, _)) => Err(bad(format!("{name} lies outside the file, which may be cut short"))),
        None => Ok(8 + header.len()),
    }
}

fn from_view(name: &str, view: &TensorView<'_>) -> Result<HostTensor, LearnError> {
    if view.dtype() != Dtype::F32 {
        return Err(bad(format!("{name} is of type {:?}, not F32", view.dtype())));
    }
    let (chunks, _) = view.data().as_chunks::<4>();
    let data: Vec<f32> = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    if data.iter().any(|value| !value.is_finite()) {
        return Err(bad(format!("{name} holds a value that is not finite")));
    }
    Ok(HostTensor { shape: view.shape().to_vec(), data })
}

fn to_bytes(data: &[f32]) -> Vec<u8> {
    data.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn bad(reason: impl Into<String>) -> LearnError {
    LearnError::Weights { reason: reason.into() }
}
