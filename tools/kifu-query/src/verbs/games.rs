//! `kifu-query games`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;

use crate::show::{ListArgs, View, nothing};

/// Options of `games`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query games --data n1 --filter state=quarantined")]
pub struct Games {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Batches of recorded games.
pub const VIEW: View = View { noun: Noun::Games, columns, derive: nothing };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id").wide(),
        Column::new("batch").at("batch").shape(Shape::Hash),
        Column::new("state"),
        Column::new("game"),
        Column::new("generation"),
        Column::new("games"),
        Column::new("positions"),
        Column::new("distinct").at("tally.distinct"),
        Column::new("novelty").at("quality.novelty").wide(),
        Column::new("budget").at("quality.budget").wide(),
        Column::new("odd_length").at("quality.length_is_odd").wide(),
        Column::new("host"),
        Column::new("recorded").at("recorded_at").shape(Shape::Time),
        Column::new("reason"),
        Column::new("model").wide(),
        Column::new("job").wide(),
        Column::new("verified_by").at("decided_by").wide(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn a_batch_shows_who_made_and_who_checked_it() {
        let rows = json!([{"id": "games/ab12cd34ef", "batch": "ab12cd34ef", "job": "job/selfplay-connect4-g1-0", "host": "0000000000000001",
            "game": "connect4", "generation": 1, "model": "model/connect4-g0-1f00ab42", "games": 40, "positions": 1312,
            "state": "verified", "recorded_at": "2023-11-14T22:13:20.000Z", "decided_by": "0000000000000002",
            "tally": {"distinct": 39}, "quality": {"budget": 1.0, "novelty": 0.8125, "length_is_odd": false}, "reason": null}]);
        expect![[r#"
            ID                BATCH     STATE     GAME      GENERATION  GAMES  POSITIONS  DISTINCT  NOVELTY  BUDGET  ODD_LENGTH  HOST  RECORDED  REASON  MODEL                       JOB                         VERIFIED_BY
            games/ab12cd34ef  ab12cd34  verified  connect4  1           40     1312       39        0.8125   1.0     false       n1    1m ago    -       model/connect4-g0-1f00ab42  job/selfplay-connect4-g1-0  n2
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
