//! Text that comes from outside: bounded before it becomes part of history.

use crate::policy::limits::{NAME_BYTES_MAX, TEXT_BYTES_MAX};

/// The text, cut off at the bound.
pub(super) fn clip(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Whether the text can be a name on every surface: letters, digits and `-_.`, not empty, not too long.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(plain)
}

/// Whether the text is an id with this prefix and a plain name behind it.
pub(super) fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        let long = "é".repeat(TEXT_BYTES_MAX);
        assert_eq!(clip(&long), "é".repeat(TEXT_BYTES_MAX / 2));
        assert_eq!(clip("short"), "short");
        assert!(is_name("n1.rack-2_b") && !is_name("") && !is_name("a b") && !is_name(&"x".repeat(200)));
        assert!(is_id("job/a", "job/") && !is_id("a", "job/") && !is_id("job/", "job/"));
    }
}
