//! `kifu-node ca`

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::net::{Authority, NetError};
use kifu::node::Layout;

/// What can be done with the cluster's CA.
#[derive(Subcommand)]
pub enum Ca {
    /// Write a copy of the cluster's CA, encrypted with a passphrase
    Export(Export),
    /// Let a node issue certificates, with a copy of the cluster's CA
    Import(Import),
}

/// Where the passphrase comes from.
#[derive(Args)]
struct Passphrase {
    /// The file that holds the passphrase (at least 12 bytes); - for stdin. Without it: KIFU_PASSPHRASE
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// Options of `ca export`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node ca export --data n1 --out ca.pem --passphrase-file secret.txt")]
pub struct Export {
    /// The data directory of a node that has the CA; it may be running
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The file to write; it must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    #[command(flatten)]
    output: OutputArgs,
}

/// Options of `ca import`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-node ca import --data n2 --in ca.pem --passphrase-file secret.txt")]
pub struct Import {
    /// The data directory of the node; it may be running, and issues certificates at once
    #[arg(long, env = "KIFU_DATA", value_name = "DIR")]
    data: PathBuf,
    /// The copy, from `ca export`
    #[arg(long = "in", value_name = "FILE")]
    copy: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
    #[command(flatten)]
    output: OutputArgs,
}

impl Ca {
    /// Runs the verb.
    pub fn run(self) -> Result<ExitCode, Failure> {
        let (words, output) = match self {
            Ca::Export(verb) => (verb.run()?, verb.output),
            Ca::Import(verb) => (verb.run()?, verb.output),
        };
        output.printer().text(words).map_err(Failure::general)?;
        Ok(ExitCode::Ok)
    }
}

impl Export {
    fn run(&self) -> Result<String, Failure> {
        Layout::new(&self.data).load_config().map_err(super::failure)?;
        if !Authority::exists(&self.data) {
            return Err(super::failure(kifu::node::NodeError::NoAuthority));
        }
        let authority = Authority::load(&self.data).map_err(failure)?;
        authority.export(&self.out, &self.passphrase.read()?).map_err(failure)?;
        let (cluster, out) = (authority.cluster(), self.out.display());
        Ok(format!("the CA of {cluster} is in {out}, encrypted; whoever has it and the passphrase can make members"))
    }
}

impl Import {
    fn run(&self) -> Result<String, Failure> {
        let config = Layout::new(&self.data).load_config().map_err(super::failure)?;
        let authority = Authority::import(&self.copy, &self.passphrase.read()?).map_err(failure)?;
        if authority.cluster() != config.cluster {
            let message =
                format!("{} is of {}, this node is of {}", self.copy.display(), authority.cluster(), config.cluster);
            return Err(Failure::new(ExitCode::Conflict, message));
        }
        authority.save(&self.data).map_err(failure)?;
        Ok(format!("{} can now issue certificates and tokens of {}", config.name, config.cluster))
    }
}

impl Passphrase {
    fn read(&self) -> Result<String, Failure> {
        let text = match self.passphrase_file.as_deref() {
            Some(path) if path == Path::new("-") => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).map_err(Failure::general)?;
                text
            }
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?,
            None => std::env::var("KIFU_PASSPHRASE")
                .map_err(|_| Failure::usage("no passphrase is given: use --passphrase-file or KIFU_PASSPHRASE"))?,
        };
        Ok(text.trim_end_matches(['\n', '\r']).to_owned())
    }
}

fn failure(error: NetError) -> Failure {
    match error {
        NetError::BadFile { .. } | NetError::BadKey(_) => Failure::usage(error),
        error => super::failure(error.into()),
    }
}
