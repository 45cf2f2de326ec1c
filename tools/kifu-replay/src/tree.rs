//! Draws a tree with lines.

/// A node with its label, and what hangs below.
pub struct Tree {
    pub label: String,
    pub below: Vec<Tree>,
}

impl Tree {
    /// The tree as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.label.clone()];
        self.draw("", &mut lines);
        lines
    }

    fn draw(&self, indent: &str, lines: &mut Vec<String>) {
        for (place, child) in self.below.iter().enumerate() {
            let (branch, rest) = if place + 1 == self.below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            lines.push(format!("{indent}{branch}{}", child.label));
            child.draw(&format!("{indent}{rest}"), lines);
        }
    }
}
