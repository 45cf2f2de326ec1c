//! Conditions on rows, as people write them: `state=running`, `lease.host!=n1`, `model=model/connect4-*`.

use std::str::FromStr;

use kifu::cli::Column;
use serde_json::Value;

/// A field and what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The path of the field, parts separated by dots.
    pub path: String,
    /// What it should be; `*` stands for anything.
    pub pattern: String,
    /// True when it should not be that.
    pub negated: bool,
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, pattern) = text.split_once('=').ok_or_else(|| format!("{text:?} is not of the form FIELD=VALUE"))?;
        let (path, negated) = path.strip_suffix('!').map_or((path, false), |path| (path, true));
        if path.is_empty() {
            return Err(format!("{text:?} names no field"));
        }
        Ok(Condition { path: path.to_owned(), pattern: pattern.to_owned(), negated })
    }
}

impl Condition {
    /// True when a row meets it. A missing field is `null`; a list meets it when one of its items does.
    pub fn holds(&self, row: &Value) -> bool {
        let column = Column::new(&self.path);
        let value = column.value(row);
        let meets = |value: &Value| match value {
            Value::String(text) => matches(&self.pattern, text),
            other => matches(&self.pattern, &other.to_string()),
        };
        let met = match value {
            Value::Array(items) if !items.is_empty() => items.iter().any(meets),
            value => meets(value),
        };
        met != self.negated
    }
}

/// True when `text` fits `pattern`, in which `*` stands for any letters. Case does not count.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_match_as_in_a_shell() {
        let cases = [
            ("HOST_*", "HOST_ONLINE", true),
            ("host_*", "HOST_ONLINE", true),
            ("HOST_*", "JOB_DONE", false),
            ("*_ON*", "HOST_ONLINE", true),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("ab*b", "ab", false),
            ("done", "done!", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn conditions_look_into_rows() {
        let row =
            json!({"state": "running", "lease": {"host": "n1"}, "copies": ["n1", "n2"], "error": null, "games": 40});
        let cases = [
            ("state=running", true),
            ("state!=running", false),
            ("lease.host=n*", true),
            ("lease.port=null", true),
            ("copies=n2", true),
            ("copies!=n3", true),
            ("games=40", true),
            ("error=null", true),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Condition>().expect(text).holds(&row), expected, "{text}");
        }
        assert!("state".parse::<Condition>().is_err());
        assert!("=x".parse::<Condition>().is_err());
    }
}
