//! Kinds by name or pattern.

use clap::Args;
use kifu::cli::{Failure, closest};
use kifu::event::Kind;

/// Which kinds of records.
#[derive(Args, Clone, Debug)]
pub struct KindArgs {
    /// Only these kinds, such as `JOB_CLAIMED` or `JOB_*`; separated by commas
    #[arg(long, value_name = "KINDS", value_delimiter = ',')]
    kind: Vec<String>,
}

impl KindArgs {
    /// The kinds that are wanted; none means all.
    pub fn kinds(&self) -> Result<Option<Vec<Kind>>, Failure> {
        if self.kind.is_empty() {
            return Ok(None);
        }
        let mut kinds = vec![];
        for pattern in &self.kind {
            let before = kinds.len();
            kinds.extend(Kind::ALL.iter().copied().filter(|kind| matches(pattern, kind.name())));
            if kinds.len() == before {
                let failure = Failure::usage(format!("no kind of event is called {pattern:?}"));
                let near = closest(pattern, Kind::ALL.iter().map(|kind| kind.name()));
                return Err(match near {
                    Some(near) => failure.hint(format!("did you mean {near}?")),
                    None => failure.hint("a `*` stands for any text, such as JOB_*"),
                });
            }
        }
        Ok(Some(kinds))
    }
}

/// Does `name` fit a pattern in which `*` stands for any text? Case does not matter.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_uppercase();
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
        last = Some(part);
    }
    match last {
        None => rest.is_empty(),
        // The last part must stand at the end, wherever it was found first.
        Some(part) => part.is_empty() || rest.is_empty() || name.ends_with(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let cases = [
            ("JOB_CLAIMED", "JOB_CLAIMED", true),
            ("job_claimed", "JOB_CLAIMED", true),
            ("JOB_CLAIMED", "JOB_CLAIMED_TWICE", false),
            ("JOB_*", "JOB_CLAIMED", true),
            ("*", "JOB_CLAIMED", true),
            ("*ED", "JOB_CLAIMED", true),
            ("*_E*ED", "JOB_LEASE_EXPIRED", true),
            ("*_X*", "JOB_CLAIMED", false),
            ("HOST_*", "JOB_CLAIMED", false),
            ("", "JOB_CLAIMED", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
