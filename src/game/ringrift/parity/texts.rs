//! The legal list as text, in the order of bytes.

use crate::game::ringrift::game::RingRift;
use crate::game::ringrift::moves::Move;
use crate::game::ringrift::state::State;
use crate::game::ringrift::text::Fnv;

/// The texts of legal moves, sorted. Keeps its memory from list to list.
#[derive(Clone, Debug, Default)]
pub struct LegalTexts {
    text: String,
    /// Where each text stands, and which move it is.
    entries: Vec<(u32, u32, u32)>,
}

impl LegalTexts {
    /// Replaces the texts by those of `legal`.
    pub fn fill<const W: usize>(&mut self, game: &RingRift<W>, state: &State<W>, legal: &[Move]) {
        self.text.clear();
        self.entries.clear();
        for (index, &one) in legal.iter().enumerate() {
            let from = self.text.len() as u32;
            game.write_move(state, one, &mut self.text);
            self.entries.push((from, self.text.len() as u32, index as u32));
        }
        let text = &self.text;
        self.entries.sort_unstable_by_key(|&(from, to, _)| &text[from as usize..to as usize]);
    }

    /// The texts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.entries.iter().map(|&(from, to, _)| &self.text[from as usize..to as usize])
    }

    /// The hash of all texts, joined with newlines.
    pub fn hash(&self) -> u64 {
        let mut hash = Fnv::default();
        for (index, text) in self.iter().enumerate() {
            if index > 0 {
                hash.add("\n");
            }
            hash.add(text);
        }
        hash.value()
    }

    /// Which place the text has in the sorted list, and which in the list that it was made from.
    pub fn find(&self, wanted: &str) -> Option<(usize, usize)> {
        let text = |&(from, to, _): &(u32, u32, u32)| &self.text[from as usize..to as usize];
        let place = self.entries.binary_search_by(|entry| text(entry).cmp(wanted)).ok()?;
        Some((place, self.entries[place].2 as usize))
    }
}
