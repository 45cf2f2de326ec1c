//! `kifu-query datasets`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View};

/// Options of `datasets`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query datasets --data n1 -o json")]
pub struct Datasets {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Sealed datasets.
pub const VIEW: View = View { noun: Noun::Datasets, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("generation"),
        Column::new("games"),
        Column::new("positions"),
        Column::new("quality"),
        Column::new("batches").at("batch_count"),
        Column::new("sealed").at("sealed_at").shape(Shape::Time),
        Column::new("content").shape(Shape::Hash).wide(),
    ]
}

fn derive(row: &mut Value) {
    row["batch_count"] = json!(row["batches"].as_array().map(Vec::len));
}
