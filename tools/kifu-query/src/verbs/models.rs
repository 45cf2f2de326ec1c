//! `kifu-query models`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View, scores_text};

/// Options of `models`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query models --data n1 --filter state=champion -o name")]
pub struct Models {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Models of all generations.
pub const VIEW: View = View { noun: Noun::Models, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("state"),
        Column::new("generation"),
        Column::new("evidence"),
        Column::new("created").at("created_at").shape(Shape::Time),
        Column::new("reasons").at("verdict.reasons"),
        Column::new("parent").wide(),
        Column::new("dataset").wide(),
        Column::new("weights").shape(Shape::Hash).wide(),
        Column::new("parameters").wide(),
    ]
}

fn derive(row: &mut Value) {
    row["evidence"] = json!(scores_text(&row["verdict"]["evidence"]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_champion_shows_its_evidence() {
        let rows = json!([{"id": "model/connect4-g1-1f00ab42", "model": "model/connect4-g1-1f00ab42", "game": "connect4", "generation": 1,
            "weights": "1f00ab42aa", "parameters": 70000, "state": "champion", "parent": "model/connect4-g0-9a", "dataset": "dataset/connect4-g1",
            "created_at": "2023-11-14T22:13:20.000Z", "verdict": {"promoted": true, "reasons": [], "evidence": [
                {"opponent": "random", "rate": 0.975, "low": 0.87, "high": 0.996}]}}]);
        expect![[r#"
            ID                          STATE     GENERATION  EVIDENCE                   CREATED  REASONS  PARENT                DATASET              WEIGHTS   PARAMETERS
            model/connect4-g1-1f00ab42  champion  1           random 97.5% [87.0, 99.6]  1m ago   -        model/connect4-g0-9a  dataset/connect4-g1  1f00ab42  70000
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
