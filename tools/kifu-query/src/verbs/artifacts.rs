//! `kifu-query artifacts`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::Value;

use crate::show::{ListArgs, View};

/// Options of `artifacts`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query artifacts --data n1 --filter copies=n2")]
pub struct Artifacts {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Blobs and their copies.
pub const VIEW: View = View { noun: Noun::Artifacts, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id").wide(),
        Column::new("blob").at("artifact").shape(Shape::Hash),
        Column::new("kind"),
        Column::new("size").at("bytes").shape(Shape::Size),
        Column::new("copies"),
        Column::new("wanted_on"),
        Column::new("lost"),
        Column::new("stored").at("stored_at").shape(Shape::Time),
    ]
}

fn derive(row: &mut Value) {
    let hosts = row["assigned"].as_array().into_iter().flatten().map(|copy| copy["host"].clone());
    row["wanted_on"] = Value::Array(hosts.collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_blob_shows_where_it_is_and_where_it_should_be() {
        let rows = json!([{"id": "artifact/ab12cd34ef", "artifact": "ab12cd34ef", "kind": "model", "bytes": 290816,
            "copies": ["0000000000000001"], "assigned": [{"host": "0000000000000002", "reason": "champion"}], "lost": 0,
            "stored_at": "2023-11-14T22:14:10.000Z"}]);
        expect![[r#"
            ID                   BLOB      KIND   SIZE       COPIES  WANTED_ON  LOST  STORED
            artifact/ab12cd34ef  ab12cd34  model  284.0 KiB  n1      n2         0     10s ago
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
