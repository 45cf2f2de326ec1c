//! `kifu-query wait`

use std::time::Duration;

use clap::Args;
use kifu::cli::{ExitCode, Failure, OutputArgs};
use kifu::node::api::{Footer, Noun, Request};
use serde_json::Value;
use tokio::time::Instant;

use super::get::flatten;
use crate::conditions::Condition;
use crate::connect::ConnectArgs;
use crate::session::Session;
use crate::since::parse_length;

/// How often the cluster is asked.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// Options of `wait`.
#[derive(Args)]
#[command(after_help = "Examples:
  kifu-query wait --data n1 --for 'model=model/connect4-g2* state=champion' --timeout 1h
  kifu-query wait --data n1 --for 'campaign.completed=true'
The first field may name what is meant (host, job, games, model, dataset, run, gauntlet, artifact); without one, the
conditions are about the row that `status -o json` shows.")]
pub struct Wait {
    /// Conditions, separated by blanks, that must hold for one row at the same time
    #[arg(long = "for", value_name = "CONDITIONS")]
    pub conditions: String,
    /// Give up after this long, such as 90s or 1h30m
    #[arg(long, default_value = "10m", value_parser = parse_length)]
    pub timeout: u64,
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Wait {
    /// Waits. Exit code 124 when time runs out. A node that cannot be reached is asked again until then.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let wanted = Wanted::parse(&self.conditions).map_err(Failure::usage)?;
        connect.only_now("wait", "the past is over; look at it with get or a noun")?;
        connect.resolve()?;
        let deadline = Instant::now() + Duration::from_millis(self.timeout);
        let mut last = "it was not so".to_owned();
        let mut session = None;
        while Instant::now() < deadline {
            match tokio::time::timeout_at(deadline, wanted.look(&connect, &mut session)).await {
                Ok(Ok((Some(row), footer))) => return self.show(row, &footer),
                Ok(Ok((None, footer))) => last = format!("it was not so {footer}"),
                Ok(Err(failure)) if failure.code == ExitCode::Unavailable => {
                    (last, session) = (failure.message, None);
                }
                Ok(Err(failure)) => return Err(failure),
                Err(_) => break,
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + ASK_EVERY)).await;
        }
        let waited = kifu::cli::time::length_text(self.timeout);
        Err(Failure::new(ExitCode::Timeout, format!("waited {waited} for {:?}: {last}", self.conditions)))
    }

    fn show(&self, row: Value, footer: &Footer) -> Result<ExitCode, Failure> {
        let mut printer = self.output.printer();
        printer.object(&if !self.output.output.is_for_programs() { flatten(&row) } else { row })?;
        printer.note(footer)?;
        Ok(ExitCode::Ok)
    }
}

/// What is waited for.
#[derive(Debug, PartialEq)]
struct Wanted {
    request: Request,
    conditions: Vec<Condition>,
}

impl Wanted {
    fn parse(text: &str) -> Result<Wanted, String> {
        let mut conditions = text.split_whitespace().map(str::parse).collect::<Result<Vec<Condition>, _>>()?;
        let first = conditions.first_mut().ok_or("there is no condition")?;
        let noun = match first.path.as_str() {
            "host" => Some((Noun::Hosts, "host/")),
            "job" => Some((Noun::Jobs, "job/")),
            "games" => Some((Noun::Games, "games/")),
            "model" => Some((Noun::Models, "model/")),
            "dataset" => Some((Noun::Datasets, "dataset/")),
            "run" => Some((Noun::Training, "run/")),
            "gauntlet" => Some((Noun::Gauntlets, "gauntlet/")),
            "artifact" => Some((Noun::Artifacts, "artifact/")),
            _ => None,
        };
        let Some((noun, prefix)) = noun else { return Ok(Wanted { request: Request::Status, conditions }) };
        first.path = "id".to_owned();
        if !first.pattern.starts_with(prefix) && !first.pattern.starts_with('*') {
            first.pattern.insert_str(0, prefix);
        }
        Ok(Wanted { request: Request::List { noun }, conditions })
    }

    /// The first row that meets all conditions now.
    async fn look(
        &self,
        connect: &ConnectArgs,
        session: &mut Option<Session>,
    ) -> Result<(Option<Value>, Footer), Failure> {
        let session = match session {
            Some(session) => session,
            empty => empty.insert(Session::open(connect).await?),
        };
        let (rows, footer) = session.rows(&self.request).await?;
        let met = rows.into_iter().find(|row| self.conditions.iter().all(|condition| condition.holds(row)));
        Ok((met, footer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_names_what_is_meant() {
        let models = Wanted::parse("model=connect4-g2* state=champion").expect("two conditions");
        assert_eq!(models.request, Request::List { noun: Noun::Models });
        assert_eq!(models.conditions[0], "id=model/connect4-g2*".parse().expect("a condition"));
        assert_eq!(models.conditions.len(), 2);
        let status = Wanted::parse("campaign.completed=true").expect("one condition");
        assert_eq!(status.request, Request::Status);
        assert!(Wanted::parse("").is_err());
        assert!(Wanted::parse("soon").is_err());
    }
}
