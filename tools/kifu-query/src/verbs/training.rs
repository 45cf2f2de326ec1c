//! `kifu-query training`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View};

/// Options of `training`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query training --data n1")]
pub struct Training {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Training runs.
pub const VIEW: View = View { noun: Noun::Training, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("state"),
        Column::new("host"),
        Column::new("step"),
        Column::new("policy_loss").at("progress.policy_loss"),
        Column::new("value_loss").at("progress.value_loss"),
        Column::new("samples/s").at("progress.samples_per_second"),
        Column::new("model"),
        Column::new("changed").at("changed_at").shape(Shape::Time),
        Column::new("reason"),
        Column::new("dataset").wide(),
        Column::new("parent").wide(),
        Column::new("job").wide(),
    ]
}

fn derive(row: &mut Value) {
    let progress = &row["progress"];
    if progress.is_object() {
        row["step"] = json!(format!("{}/{}", progress["step"], progress["steps"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_run_shows_how_far_it_is() {
        let rows = json!([{"id": "run/connect4-g1", "state": "running", "host": "0000000000000002", "model": null, "reason": null, "dataset": "dataset/connect4-g1",
            "parent": "model/connect4-g0-9a", "job": "job/train-connect4-g1", "changed_at": "2023-11-14T22:14:10.000Z",
            "progress": {"step": 120, "steps": 300, "policy_loss": 1.52, "value_loss": 0.61, "samples_per_second": 5400.0}}]);
        expect![[r#"
            ID               STATE    HOST  STEP     POLICY_LOSS  VALUE_LOSS  SAMPLES/S  MODEL  CHANGED  REASON  DATASET              PARENT                JOB
            run/connect4-g1  running  n2    120/300  1.52         0.61        5400.0     -      10s ago  -       dataset/connect4-g1  model/connect4-g0-9a  job/train-connect4-g1
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
