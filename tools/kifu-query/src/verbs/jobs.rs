//! `kifu-query jobs`

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::conditions::Condition;
use crate::connect::ConnectArgs;
use crate::show::{ListArgs, View};

/// Options of `jobs`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query jobs --data n1 --state running --kind self_play")]
pub struct Jobs {
    /// Only jobs in this state: queued, claimed, running, done, failed or cancelled
    #[arg(long)]
    pub state: Option<String>,
    /// Only jobs of this kind: self_play, verify, init_model, train, gauntlet or external
    #[arg(long)]
    pub kind: Option<String>,
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Units of work.
pub const VIEW: View = View { noun: Noun::Jobs, columns, derive };

impl Jobs {
    /// Lists jobs.
    pub async fn run(mut self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        let equals = |path: &str, pattern| Condition { path: path.to_owned(), pattern, negated: false };
        self.list.filters.extend(self.state.map(|state| equals("state", state)));
        self.list.filters.extend(self.kind.map(|kind| equals("kind", kind)));
        self.list.run(connect, &VIEW).await
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("kind"),
        Column::new("state"),
        Column::new("host").at("lease.host"),
        Column::new("attempt"),
        Column::new("age").at("queued_at").shape(Shape::Time),
        Column::new("took").at("elapsed_ms").shape(Shape::Length),
        Column::new("error"),
        Column::new("priority").wide(),
        Column::new("token").at("lease.token").wide(),
        Column::new("changed").at("changed_at").shape(Shape::Time).wide(),
        Column::new("refused").wide(),
    ]
}

fn derive(row: &mut Value) {
    row["kind"] = json!(row["spec"].as_object().and_then(|spec| spec.keys().next()));
    row["attempt"] = json!(format!("{}/{}", row["attempts"], row["attempts_max"]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;

    fn rows() -> Value {
        json!([
            {"id": "job/selfplay-connect4-g1-0", "spec": {"self_play": {"games": 40}}, "state": "running", "priority": 0,
             "attempts": 1, "attempts_max": 5, "lease": {"host": "0000000000000001", "token": 4711},
             "queued_at": "2023-11-14T22:13:20.000Z", "changed_at": "2023-11-14T22:14:10.000Z", "elapsed_ms": null,
             "error": null, "refused": 0},
            {"id": "job/train-connect4-g1", "spec": {"train": {}}, "state": "queued", "priority": 5, "attempts": 1, "attempts_max": 5,
             "lease": null, "queued_at": "2023-11-14T22:13:50.000Z", "changed_at": "2023-11-14T22:14:10.000Z",
             "elapsed_ms": null, "error": "worker native died (signal: 9 (SIGKILL))", "refused": 1}
        ])
    }

    #[test]
    fn jobs_in_a_table_and_for_scripts() {
        expect![[r#"
            ID                          KIND       STATE    HOST  ATTEMPT  AGE      TOOK  ERROR
            job/selfplay-connect4-g1-0  self_play  running  n1    1/5      1m ago   -     -
            job/train-connect4-g1       train      queued   -     1/5      30s ago  -     worker native died (signal: 9 (SIGKILL))
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Table, rows()));
        expect![[r#"
            id,kind,state,host,attempt,age,took,error,priority,token,changed,refused
            job/selfplay-connect4-g1-0,self_play,running,n1,1/5,2023-11-14T22:13:20.000Z,,,0,4711,2023-11-14T22:14:10.000Z,0
            job/train-connect4-g1,train,queued,,1/5,2023-11-14T22:13:50.000Z,,worker native died (signal: 9 (SIGKILL)),5,,2023-11-14T22:14:10.000Z,1
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Csv, rows()));
        expect![[r#"
            job/selfplay-connect4-g1-0
            job/train-connect4-g1
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Name, rows()));
        expect![[r#"
            {"id":"job/selfplay-connect4-g1-0","spec":{"self_play":{"games":40}},"state":"running","priority":0,"attempts":1,"attempts_max":5,"lease":{"host":"0000000000000001","token":4711},"queued_at":"2023-11-14T22:13:20.000Z","changed_at":"2023-11-14T22:14:10.000Z","elapsed_ms":null,"error":null,"refused":0}
            {"id":"job/train-connect4-g1","spec":{"train":{}},"state":"queued","priority":5,"attempts":1,"attempts_max":5,"lease":null,"queued_at":"2023-11-14T22:13:50.000Z","changed_at":"2023-11-14T22:14:10.000Z","elapsed_ms":null,"error":"worker native died (signal: 9 (SIGKILL))","refused":1}
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Jsonl, rows()));
    }
}
