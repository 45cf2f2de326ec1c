//! `kifu-query campaign`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View, scores_text};

/// Options of `campaign`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query campaign --data n1")]
pub struct Campaign {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// The campaign of each game.
pub const VIEW: View = View { noun: Noun::Campaign, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("phase"),
        Column::new("generation"),
        Column::new("exam").at("exam_text"),
        Column::new("since").at("changed_at").shape(Shape::Time),
    ]
}

fn derive(row: &mut Value) {
    row["exam_text"] = json!(scores_text(&row["exam"]));
}
