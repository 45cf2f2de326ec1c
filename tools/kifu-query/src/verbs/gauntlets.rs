//! `kifu-query gauntlets`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View, scores_text};

/// Options of `gauntlets`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query gauntlets --data n1 --filter purpose=promotion")]
pub struct Gauntlets {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Gauntlets and their scores.
pub const VIEW: View = View { noun: Noun::Gauntlets, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("purpose"),
        Column::new("candidate").at("candidate.model"),
        Column::new("played"),
        Column::new("scores").at("score_text"),
        Column::new("started").at("started_at").shape(Shape::Time),
        Column::new("generation").wide(),
        Column::new("chunks").at("chunk_count").wide(),
    ]
}

fn derive(row: &mut Value) {
    let sum = |field: &dyn Fn(&Value) -> u64| row["opponents"].as_array().into_iter().flatten().map(field).sum::<u64>();
    let count = |value: &Value| value.as_u64().unwrap_or_default();
    let planned = sum(&|opponent| 2 * count(&opponent["plan"]["pairs"]));
    let played = sum(&|opponent| {
        let tally = &opponent["tally"];
        count(&tally["wins"]) + count(&tally["draws"]) + count(&tally["losses"])
    });
    row["played"] = json!(format!("{played}/{planned}"));
    row["score_text"] = json!(scores_text(&row["scores"]));
    row["chunk_count"] = json!(row["chunks"].as_array().map(Vec::len));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_gauntlet_shows_games_played_of_games_planned() {
        let rows = json!([{"id": "gauntlet/connect4-g1", "purpose": "promotion", "generation": 1, "candidate": {"model": "model/connect4-g1-1f"},
            "opponents": [{"plan": {"opponent": "random", "pairs": 20}, "tally": {"wins": 30, "draws": 1, "losses": 9}},
                          {"plan": {"opponent": {"alpha_beta": 4}, "pairs": 20}, "tally": {"wins": 0, "draws": 0, "losses": 0}}],
            "chunks": [{}, {}, {}, {}], "scores": [], "started_at": "2023-11-14T22:14:10.000Z"}]);
        expect![[r#"
            ID                    PURPOSE    CANDIDATE             PLAYED  SCORES  STARTED  GENERATION  CHUNKS
            gauntlet/connect4-g1  promotion  model/connect4-g1-1f  40/80   -       10s ago  1           4
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
