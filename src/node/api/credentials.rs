//! As whom a client asks: a folder with a certificate and its key, or a token for the client API.

use std::fmt;
use std::path::{Path, PathBuf};

use super::client::ClientError;
use crate::net::{ApiToken, Identity, Role};

/// The largest token file that is read.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// As whom a client asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The folder that holds `identity/` with an operator's, viewer's or node's certificate and key.
    Folder(PathBuf),
    /// A token for the client API.
    Token {
        /// The token.
        text: String,
        /// The file of the CA that the token must be of. A token names its CA itself; this is for those who want to be sure
        /// which one, whoever gave them the token.
        ca: Option<PathBuf>,
    },
}

impl From<PathBuf> for Credentials {
    fn from(folder: PathBuf) -> Credentials {
        Credentials::Folder(folder)
    }
}

impl Credentials {
    /// The token in a file. Warns when others can read it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_token_file(path: &Path, ca: Option<PathBuf>) -> Result<Credentials, ClientError> {
        use std::os::unix::fs::PermissionsExt;
        let bad = |reason: String| ClientError::BadFile { path: path.to_owned(), reason };
        let metadata = std::fs::metadata(path).map_err(|error| bad(error.to_string()))?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(bad("it is too large for a token".to_owned()));
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            tracing::warn!(path = %path.display(), "the token is readable by others: run chmod 600 on it");
        }
        let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
        Ok(Credentials::Token { text, ca })
    }

    /// The identity for the handshake.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub fn identity(&self) -> Result<Identity, ClientError> {
        match self {
            Credentials::Folder(folder) => of_folder(folder),
            Credentials::Token { text, ca } => {
                let token = ApiToken::decode(text)?;
                if let Some(path) = ca {
                    let pinned = Identity::read_ca_file(path)?;
                    if pinned != *token.pass().identity.ca() {
                        let reason = format!(
                            "the token is of {}, this is the CA of {}",
                            token.pass().identity.cluster(),
                            pinned.cluster()
                        );
                        return Err(ClientError::BadFile { path: path.clone(), reason });
                    }
                }
                Ok(token.pass().identity.clone())
            }
        }
    }

    /// Nodes that the credentials name, as `host:port`.
    pub fn addresses(&self) -> Vec<String> {
        match self {
            Credentials::Folder(_) => vec![],
            Credentials::Token { text, .. } => {
                ApiToken::decode(text).map(|token| token.pass().addresses.clone()).unwrap_or_default()
            }
        }
    }
}

/// Shows no token.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Folder(folder) => write!(f, "Folder({})", folder.display()),
            Credentials::Token { .. } => f.write_str("Token"),
        }
    }
}

fn of_folder(folder: &Path) -> Result<Identity, ClientError> {
    for role in [Role::Operator, Role::Viewer, Role::Node] {
        if Identity::exists(folder, role) {
            return Ok(Identity::load(folder, role)?);
        }
    }
    let reason = "it holds no operator, viewer or node certificate".to_owned();
    Err(ClientError::BadFile { path: folder.to_owned(), reason })
}
