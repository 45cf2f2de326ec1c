//! What is shown at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::teller::{opponent, rate};
use super::truth::Truth;
use crate::cli::{Column, Rows};
use crate::event::Seq;
use crate::event::evaluation::Score;
use crate::node::api::status::{CampaignStatus, GenerationStatus};
use crate::projection::campaign::Verdict;

/// The result of a demo.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where the data directories are.
    pub out: PathBuf,
    /// How long it took.
    pub seconds: u64,
    /// What came of each generation.
    pub generations: Vec<GenerationStatus>,
    /// The last champion.
    pub champion: Option<String>,
    /// The last champion's exam.
    pub exam: Vec<Score>,
    /// How often the last champion finds an optimal move; none where the game has no solver or the worker program is missing.
    pub truth: Option<Truth>,
    /// Events by kind.
    pub events: BTreeMap<String, u64>,
    /// Nodes that were killed.
    pub kills: u32,
    /// The position at which all nodes had the same state; none when they did not.
    pub agreed_at: Option<Seq>,
}

impl Report {
    /// A report of a campaign.
    pub fn new(out: &Path, seconds: u64, campaign: CampaignStatus, events: BTreeMap<String, u64>) -> Report {
        Report {
            out: out.to_owned(),
            seconds,
            generations: campaign.decided,
            champion: campaign.champion,
            exam: campaign.exam,
            truth: None,
            events,
            kills: 0,
            agreed_at: None,
        }
    }

    /// Models that were promoted after generation 0.
    pub fn promotions(&self) -> usize {
        self.generations.iter().filter(|generation| generation.verdict == Verdict::Promoted).count()
    }

    /// Why the demo did not do what it is for, if it did not.
    pub fn problem(&self) -> Option<&'static str> {
        if self.promotions() == 0 {
            return Some("no model was promoted");
        }
        self.agreed_at.is_none().then_some("the nodes did not end with the same state")
    }

    /// The table of generations.
    pub fn table(&self) -> Rows {
        let mut columns: Vec<Column> =
            ["generation", "games", "samples", "loss"].into_iter().map(Column::new).collect();
        let mut opponents: Vec<String> = vec![];
        for score in self.generations.iter().flat_map(|generation| &generation.scores) {
            let name = column_of(&score.opponent);
            if !opponents.contains(&name) {
                opponents.push(name);
            }
        }
        columns.extend(opponents.iter().map(|name| Column::new(name)));
        columns.push(Column::new("verdict"));
        let rows = self.generations.iter().map(row);
        Rows::new(columns, rows.chain(self.exam_row()))
    }

    fn exam_row(&self) -> Option<serde_json::Value> {
        if self.exam.is_empty() {
            return None;
        }
        let mut row = serde_json::json!({"generation": "exam", "verdict": self.champion});
        add_scores(&mut row, &self.exam);
        Some(row)
    }

    /// The table of events.
    pub fn events_table(&self) -> Rows {
        let rows = self.events.iter().map(|(kind, records)| serde_json::json!({"event": kind, "records": records}));
        Rows::new(vec![Column::new("event"), Column::new("records")], rows)
    }

    /// Commands to try next on what the demo left.
    pub fn next_steps(&self, programs: &Path) -> Vec<String> {
        let program = |name: &str| programs.join(name).display().to_string();
        let data = self.out.join("n1").display().to_string();
        let last = self.generations.iter().filter_map(|generation| generation.seq).next_back().unwrap_or(Seq(1));
        vec![
            format!("{} --data {data} why {last}", program("kifu-replay")),
            format!("{} --data {data} verify", program("kifu-replay")),
            format!("{} --data {data} state --at {last} --projection models", program("kifu-replay")),
            format!("{} --data {data} stats", program("kifu-replay")),
            format!(
                "for n in {}/n?; do {} start --data $n 2>/dev/null & done; sleep 5; {} --data {data} models",
                self.out.display(),
                program("kifu-node"),
                program("kifu-query")
            ),
        ]
    }
}

fn row(generation: &GenerationStatus) -> serde_json::Value {
    let loss = generation
        .training
        .as_ref()
        .map(|progress| format!("{:.3} + {:.3}", progress.policy_loss, progress.value_loss))
        .unwrap_or_default();
    let verdict = match generation.verdict {
        Verdict::Promoted => "promoted",
        Verdict::Rejected => "rejected",
        Verdict::Failed => "failed",
    };
    let mut row = serde_json::json!({
        "generation": generation.generation,
        "games": generation.games,
        "samples": generation.samples,
        "loss": loss,
        "verdict": verdict,
    });
    add_scores(&mut row, &generation.scores);
    row
}

fn add_scores(row: &mut serde_json::Value, scores: &[Score]) {
    for score in scores {
        let name = column_of(&score.opponent);
        let text = match name.as_str() {
            "champion" => format!("{} {}", opponent(&score.opponent), rate(score)),
            _ => rate(score),
        };
        row[name] = text.into();
    }
}

/// Models share a column: which one it was stands in the cell.
fn column_of(opponent: &str) -> String {
    if opponent.starts_with("model/") { "champion".to_owned() } else { opponent.to_owned() }
}
