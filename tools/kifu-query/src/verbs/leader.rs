//! `kifu-query leader`

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, OutputArgs, Shape};
use kifu::node::api::{Noun, Request};

use crate::connect::ConnectArgs;
use crate::session::Session;
use crate::show::{View, nothing, print};

/// Options of `leader`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query leader --data n1 -o json")]
pub struct Leader {
    /// Earlier leaders too, newest first
    #[arg(long)]
    pub history: bool,
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Leaders by term.
pub const VIEW: View = View { noun: Noun::Leader, columns, derive: nothing };

impl Leader {
    /// Shows who leads. Exit code 4 when the answering node knows no leader.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let session = Session::open(&connect).await?;
        let (mut rows, footer) = session.rows(&Request::List { noun: Noun::Leader }).await?;
        if !self.history {
            rows.truncate(1);
        }
        print(&mut self.output.printer(), &VIEW, rows, &[], &session.names().await?, &footer)?;
        Ok(if footer.leader.is_some() { ExitCode::Ok } else { ExitCode::Unavailable })
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("leader"),
        Column::new("term"),
        Column::new("since").shape(Shape::Time),
        Column::new("previous"),
        Column::new("seq"),
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
    fn a_leader_is_shown_by_name() {
        let rows = json!([{"id": "term/4", "term": 4, "leader": "0000000000000002", "previous": "0000000000000001", "seq": 4711,
            "since": "2023-11-14T22:13:20.000Z"}]);
        expect![[r#"
            LEADER  TERM  SINCE   PREVIOUS  SEQ
            n2      4     1m ago  n1        4711
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Table, rows));
    }
}
