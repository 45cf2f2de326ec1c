//! `kifu-query hosts`

use clap::Args;
use kifu::cli::{Column, Shape};
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View};

/// Options of `hosts`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query hosts --data n1 --filter state=online")]
pub struct Hosts {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// Members of the cluster.
pub const VIEW: View = View { noun: Noun::Hosts, columns, derive };

fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("state"),
        Column::new("address"),
        Column::new("slots"),
        Column::new("since").at("changed_at").shape(Shape::Time),
        Column::new("reason").at("offline_reason"),
        Column::new("node").at("key").wide(),
        Column::new("joined").at("joined_at").shape(Shape::Time).wide(),
        Column::new("last_heard").at("last_heard_at").shape(Shape::Time).wide(),
    ]
}

fn derive(row: &mut Value) {
    let state = if row["online"] == true { "online" } else { "offline" };
    row["state"] = json!(state);
    row["key"] = json!(row["fingerprint"].as_str().and_then(|text| text.get(..16)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;
    use serde_json::json;

    #[test]
    fn members_are_online_or_offline_with_a_reason() {
        let rows = json!([
            {"id": "host/n1", "host": "0000000000000001", "name": "n1", "address": "127.0.0.1:7001", "online": true, "slots": 2,
             "fingerprint": "00000000000000010000", "joined_at": "2023-11-14T22:00:00.000Z", "changed_at": "2023-11-14T22:13:20.000Z",
             "offline_reason": null, "last_heard_at": null},
            {"id": "host/n2", "host": "0000000000000002", "name": "n2", "address": "127.0.0.1:7002", "online": false, "slots": 2,
             "fingerprint": "00000000000000020000", "joined_at": "2023-11-14T22:01:00.000Z", "changed_at": "2023-11-14T22:13:50.000Z",
             "offline_reason": "silent", "last_heard_at": "2023-11-14T22:13:47.000Z"}
        ]);
        expect![[r#"
            ID       STATE    ADDRESS         SLOTS  SINCE    REASON  NODE              JOINED      LAST_HEARD
            host/n1  online   127.0.0.1:7001  2      1m ago   -       0000000000000001  14m20s ago  -
            host/n2  offline  127.0.0.1:7002  2      30s ago  silent  0000000000000002  13m20s ago  33s ago
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]]
        .assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
