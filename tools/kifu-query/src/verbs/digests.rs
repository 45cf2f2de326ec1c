//! `kifu-query digests`

use clap::Args;
use kifu::cli::Column;
use kifu::node::api::Noun;

use crate::show::{ListArgs, View, nothing};

/// Options of `digests`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query digests --node 127.0.0.1:7001 --data n1")]
pub struct Digests {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Digests of the answering node's projections.
pub const VIEW: View = View { noun: Noun::Digests, columns, derive: nothing };

fn columns() -> Vec<Column> {
    vec![Column::new("id"), Column::new("digest")]
}
