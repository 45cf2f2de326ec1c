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
        Column::new("weights").at("weight_range"),
        Column::new("sealed").at("sealed_at").shape(Shape::Time),
        Column::new("content").shape(Shape::Hash).wide(),
    ]
}

fn derive(row: &mut Value) {
    row["batch_count"] = json!(row["batches"].as_array().map(Vec::len));
    row["weight_range"] = json!(weights_text(&row["weights"]));
}

/// What games of the batches weigh in training: `0.31 to 1.00`, or one number when all weigh the same.
fn weights_text(weights: &Value) -> Option<String> {
    let weights: Vec<f64> = weights.as_array()?.iter().filter_map(|batch| batch["weight"].as_f64()).collect();
    let (low, high) = (weights.iter().copied().reduce(f64::min)?, weights.iter().copied().reduce(f64::max)?);
    Some(if low < high { format!("{low:.2} to {high:.2}") } else { format!("{low:.2}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use kifu::cli::Format;

    #[test]
    fn a_dataset_shows_what_its_games_weigh() {
        let weigh = |weights: &[f64]| {
            let weights: Vec<Value> = weights.iter().map(|weight| json!({"batch": "ab", "weight": weight})).collect();
            let row = json!({"id": "dataset/connect4-g1", "generation": 1, "games": 80, "positions": 800, "quality": 0.9,
                "batches": ["ab", "cd"], "weights": weights, "sealed_at": "2023-11-14T22:14:10.000Z"});
            listed(&VIEW, Format::Wide, json!([row]))
        };
        assert!(weigh(&[0.314, 1.0]).contains("  2        0.31 to 1.00  "), "{}", weigh(&[0.314, 1.0]));
        assert!(weigh(&[1.0, 1.0]).contains("  2        1.00     "), "{}", weigh(&[1.0, 1.0]));
    }
}
