//! Tells people how it goes: a living line on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::event::evaluation::Score;
use crate::node::api::Footer;
use crate::node::api::status::{CampaignStatus, GenerationStatus, Status};
use crate::projection::campaign::{Phase, Verdict};

/// Without a terminal, a line at least this often while nothing else is said.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells people.
pub struct Teller {
    began: Instant,
    bar: Option<ProgressBar>,
    last_line: Instant,
    last_words: String,
    decided: usize,
}

impl Teller {
    /// A teller that begins now.
    pub fn new() -> Teller {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        Teller { began: now, bar, last_line: now, last_words: String::new(), decided: 0 }
    }

    /// Time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Says something that stays on the screen.
    pub fn say(&mut self, words: &str) {
        let seconds = self.began.elapsed().as_secs();
        let line = format!("[{:02}:{:02}] {words}", seconds / 60, seconds % 60);
        let write = || {
            // A closed stderr is no reason to stop.
            writeln!(std::io::stderr(), "{line}").ok();
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
        self.last_line = Instant::now();
    }

    /// Shows where things stand.
    pub fn show(&mut self, status: &Status, footer: &Footer) {
        let Some(campaign) = &status.campaign else { return };
        for generation in campaign.decided.iter().skip(self.decided) {
            let words = verdict_line(generation);
            self.say(&words);
        }
        self.decided = campaign.decided.len();
        let words = progress_line(campaign, footer);
        if let Some(bar) = &self.bar {
            bar.set_message(words);
            return;
        }
        let phase_changed = self.last_words.split(':').next() != words.split(':').next();
        if phase_changed || (self.last_line.elapsed() >= LINE_EVERY && words != self.last_words) {
            self.say(&words);
            self.last_words = words;
        }
    }

    /// Removes the living line.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Teller {
    fn default() -> Self {
        Teller::new()
    }
}

fn progress_line(campaign: &CampaignStatus, footer: &Footer) -> String {
    let leader = footer.leader.as_deref().unwrap_or("none");
    let place = format!("leader {leader}, term {}, seq {}", footer.term, footer.seq);
    let what = match campaign.phase {
        Phase::Starting => "making random weights".to_owned(),
        Phase::SelfPlay => format!(
            "self-play: {}/{} games verified, {} samples",
            campaign.games_verified, campaign.games_target, campaign.positions
        ),
        Phase::Training => match &campaign.training {
            Some(progress) => format!(
                "training: step {}/{}, policy loss {:.3}, value loss {:.3}",
                progress.step, progress.steps, progress.policy_loss, progress.value_loss
            ),
            None => "training: waiting for a host".to_owned(),
        },
        Phase::Gauntlet => format!("gauntlet: {}", matches_line(campaign)),
        Phase::Exam => format!("exam of the champion: {}", matches_line(campaign)),
        Phase::Decided => "decided".to_owned(),
        Phase::Completed => "completed".to_owned(),
    };
    format!(
        "generation {}/{} {what}; waits for {} ({place})",
        campaign.generation, campaign.generations, campaign.waits_for
    )
}

fn matches_line(campaign: &CampaignStatus) -> String {
    let one = |row: &crate::node::api::status::MatchStatus| match row.score.games {
        0 => format!("{} 0/{}", opponent(&row.opponent), row.games),
        games => format!("{} {} ({games}/{})", opponent(&row.opponent), rate(&row.score), row.games),
    };
    campaign.matches.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn verdict_line(generation: &GenerationStatus) -> String {
    let verdict = match generation.verdict {
        Verdict::Promoted => "PROMOTED",
        Verdict::Rejected => "rejected",
        Verdict::Failed => "failed",
    };
    let scores: Vec<String> =
        generation.scores.iter().map(|score| format!("{} {}", opponent(&score.opponent), rate(score))).collect();
    format!(
        "generation {}: {verdict} after {} games, {} samples: {}",
        generation.generation,
        generation.games,
        generation.samples,
        scores.join(", ")
    )
}

/// A win rate with its 95% interval, in percent.
pub fn rate(score: &Score) -> String {
    if score.games == 0 {
        return "-".to_owned();
    }
    let percent = |value: crate::event::Real| value.to_f64() * 100.0;
    format!("{:.0}% [{:.0}-{:.0}]", percent(score.rate), percent(score.low), percent(score.high))
}

/// An opponent's name, short: `g1` for the model of generation 1.
pub fn opponent(name: &str) -> String {
    let generation = name.rsplit('-').nth(1).filter(|part| part.starts_with('g') && name.starts_with("model/"));
    generation.map_or_else(|| name.to_owned(), |part| format!("vs-{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opponents_have_short_names() {
        assert_eq!(opponent("random"), "random");
        assert_eq!(opponent("alphabeta-4"), "alphabeta-4");
        assert_eq!(opponent("model/connect4-g2-1f00ab42"), "vs-g2");
    }
}
