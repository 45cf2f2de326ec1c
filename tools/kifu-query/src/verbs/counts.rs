//! `kifu-query counts`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;

use crate::show::{ListArgs, View, nothing};

/// Options of `counts`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query counts --data n1 --filter 'kind=JOB_*'")]
pub struct Counts {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Events by kind.
pub const VIEW: View = View { noun: Noun::Counts, columns, derive: nothing };

fn columns() -> Vec<Column> {
    vec![
        Column::new("kind"),
        Column::new("records"),
        Column::new("last_seq"),
        Column::new("last").at("last_at").shape(Shape::Time),
    ]
}
