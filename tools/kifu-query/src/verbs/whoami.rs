//! `kifu-query whoami`

use clap::Args;
use kifu::cli::{Column, ExitCode, Failure, OutputArgs, Rows};
use kifu::node::api::Request;
use serde_json::json;

use crate::connect::{ConnectArgs, client_failure};
use crate::session::Session;

/// Options of `whoami`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query whoami --data n1")]
pub struct Whoami {
    /// How the answer looks.
    #[command(flatten)]
    pub output: OutputArgs,
}

impl Whoami {
    /// Shows each setting with its origin, the identity, and whether a node accepts it. Exit code 4 when none does.
    pub async fn run(self, connect: ConnectArgs) -> Result<ExitCode, Failure> {
        connect.only_now("whoami", "it is about now")?;
        let resolved = connect.resolve()?;
        let mut rows: Vec<_> = resolved
            .settings
            .iter()
            .map(|setting| json!({"setting": setting.name, "value": setting.value, "from": setting.from}))
            .collect();
        let identity = resolved.target.identity.identity().map_err(client_failure)?;
        let (node, role, cluster) = (identity.node(), identity.role(), identity.cluster());
        let from = "the certificate";
        rows.push(json!({"setting": "name", "value": identity.name(), "from": from}));
        rows.push(json!({"setting": "role", "value": role.as_str(), "from": from}));
        rows.push(json!({"setting": "key", "value": node, "from": from}));
        rows.push(json!({"setting": "cluster", "value": cluster, "from": from}));
        let asked = async { Session::open(&connect).await?.rows(&Request::Status).await }.await;
        let (value, from) = match &asked {
            Ok((_, footer)) => (footer.to_string(), "the node that answered"),
            Err(failure) => (failure.message.clone(), "the nodes that were tried"),
        };
        rows.push(json!({"setting": "answer", "value": value, "from": from}));
        let columns = ["setting", "value", "from"].map(Column::new).to_vec();
        self.output.printer().rows(&Rows { columns, rows })?;
        Ok(asked.map_or_else(|failure| failure.code, |_| ExitCode::Ok))
    }
}
