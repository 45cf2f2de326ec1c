//! `kifu-query projections`

use clap::Args;
use kifu::cli::Column;
use kifu::node::api::Noun;
use serde_json::{Value, json};

use crate::show::{ListArgs, View};

/// Options of `projections`.
#[derive(Args)]
#[command(after_help = "Example:\n  kifu-query projections --data n1 --filter state=stopped")]
pub struct Projections {
    /// Common options.
    #[command(flatten)]
    pub list: ListArgs,
}

/// How the answering node's projections are.
pub const VIEW: View = View { noun: Noun::Projections, columns, derive };

/// The columns, for `status` too.
pub fn columns() -> Vec<Column> {
    vec![
        Column::new("id"),
        Column::new("state"),
        Column::new("seq"),
        Column::new("lag"),
        Column::new("rows"),
        Column::new("agrees"),
        Column::new("failing_seq"),
        Column::new("failing_kind"),
        Column::new("error"),
        Column::new("compared_seq").wide(),
        Column::new("diverged_on").wide(),
    ]
}

/// Adds the names of the nodes that diverged.
pub fn derive(row: &mut Value) {
    let names: Option<Vec<&str>> = row["diverged"].as_object().map(|found| found.keys().map(String::as_str).collect());
    row["diverged_on"] = json!(names.filter(|names| !names.is_empty()).map(|names| names.join(",")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::testing::listed;
    use expect_test::expect;
    use kifu::cli::Format;

    #[test]
    fn a_stopped_projection_says_where_and_why() {
        let rows = json!([
            {"id": "projection/hosts", "state": "running", "seq": 104233, "lag": 2, "rows": 3, "error": null, "failing_seq": null,
             "failing_kind": null, "because_of": null, "digests": {}, "compared_seq": 104000, "agrees": true, "diverged": {"n3": 1}},
            {"id": "projection/jobs", "state": "stopped", "seq": 4710, "lag": 99525, "rows": null, "error": "attempt to subtract with overflow",
             "failing_seq": 4711, "failing_kind": "JOB_CLAIMED", "because_of": null, "digests": {}, "compared_seq": null, "agrees": null,
             "diverged": {}}
        ]);
        expect![[r#"
            ID                STATE    SEQ     LAG    ROWS  AGREES  FAILING_SEQ  FAILING_KIND  ERROR                              COMPARED_SEQ  DIVERGED_ON
            projection/hosts  running  104233  2      3     true    -            -             -                                  104000        n3
            projection/jobs   stopped  4710    99525  -     -       4711         JOB_CLAIMED   attempt to subtract with overflow  -             -
            at 104233 (n1, 2 records and 12 ms behind leader n2, term 4)
        "#]].assert_eq(&listed(&VIEW, Format::Wide, rows));
    }
}
