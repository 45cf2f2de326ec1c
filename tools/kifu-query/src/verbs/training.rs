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
        Column::new("validation"),
        Column::new("curve").at("curve.artifact").shape(Shape::Hash),
        Column::new("learned_from"),
        Column::new("manifest").at("manifest.artifact").shape(Shape::Hash).wide(),
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
    row["validation"] = json!(validation_text(&row["curve"]));
    row["learned_from"] = json!(learned_from_text(&row["manifest"]));
}

/// The best and the last look at the held-out games, policy and value: `best 1.400+0.650 at 60, last 1.412+0.655 at 90`.
fn validation_text(curve: &Value) -> Option<String> {
    let look = |name: &str| {
        let losses = &curve[name];
        let (policy, value) = (losses["policy_loss"].as_f64()?, losses["value_loss"].as_f64()?);
        Some(format!("{name} {policy:.3}+{value:.3} at {}", losses["step"]))
    };
    let looks: Vec<String> = ["best", "last"].into_iter().filter_map(look).collect();
    (!looks.is_empty()).then(|| looks.join(", "))
}

/// The games of a run's manifest: `38 games, 2 held out`.
fn learned_from_text(manifest: &Value) -> Option<String> {
    let (games, held_out) = (manifest["games"].as_u64()?, manifest["held_out"].as_u64()?);
    Some(format!("{} games, {held_out} held out", games - held_out.min(games)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_finished_run_shows_its_validation_losses_and_the_picture() {
        let look = |step, policy| json!({"step": step, "policy_loss": policy, "value_loss": 0.65});
        let mut row = json!({"id": "run/connect4-g1", "state": "completed", "changed_at": "2023-11-14T22:14:10.000Z",
            "curve": {"artifact": "ab12cd34ef", "best": look(60, 1.4), "last": look(90, 1.412)}});
        let shown = listed(&VIEW, Format::Wide, json!([row]));
        assert!(shown.contains("  best 1.400+0.650 at 60, last 1.412+0.650 at 90  ab12cd34  "), "{shown}");
        row["curve"] = json!({"artifact": "ab12cd34ef", "best": null, "last": null});
        let shown = listed(&VIEW, Format::Wide, json!([row]));
        assert!(shown.contains("  -           ab12cd34  "), "{shown}");
    }

    #[test]
    fn a_finished_run_says_what_it_learned_from() {
        let row = json!({"id": "run/connect4-g1", "state": "completed", "changed_at": "2023-11-14T22:14:10.000Z",
            "manifest": {"artifact": "cd34ef56ab", "encoder": "00", "games": 40, "held_out": 2}});
        let shown = listed(&VIEW, Format::Wide, json!([row]));
        assert!(shown.contains("  38 games, 2 held out  cd34ef56  "), "{shown}");
    }

    #[test]
    fn a_run_shows_how_far_it_is() {
        let rows = json!([{"id": "run/connect4-g1", "state": "running", "host": "0000000000000002", "model": null, "reason": null, "dataset": "dataset/connect4-g1",
            "parent": "model/connect4-g0-9a", "job": "job/train-connect4-g1", "changed_at": "2023-11-14T22:14:10.000Z",
            "progress": {"step": 120, "steps": 300, "policy_loss": 1.52, "value_loss": 0.61, "samples_per_second": 5400.0}}]);
        expect![[r#"
            ID               STATE    HOST  STEP     POLICY_LOSS  VALUE_LOSS  VALIDATION  CURVE  LEARNED_FROM  MANIFEST  SAMPLES/S  MODEL  CHANGED  REASON  DATASET              PARENT                JOB
            run/connect4-g1  running  n2    120/300  1.52         0.61        -           -      -             -         5400.0     -      10s ago  -       dataset/connect4-g1  model/connect4-g0-9a  job/train-connect4-g1
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
