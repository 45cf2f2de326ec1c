//! `why`: what led to a record, and what it led to.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kifu::cli::{ExitCode, Failure, Format, Printer, Progress};
use kifu::event::{Record, Seq};
use serde_json::{Value, json};

use crate::args::Cli;
use crate::data::{self, Data};
use crate::tree::Tree;

/// The most records in each of the two trees; what is left out is said.
const NODES_MAX: usize = 1000;
/// Fields of a body that a line shows.
const FIELDS_SHOWN: usize = 4;
/// Letters of a field that a line shows.
const FIELD_LETTERS: usize = 48;

/// Show the causes and the effects of a record as a tree
///
/// Example:
///   kifu-replay --data n1 why 17
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Why {
    /// The record
    #[arg(value_name = "SEQ")]
    seq: u64,

    /// How far to follow
    #[arg(long, value_name = "STEPS", default_value_t = 8)]
    depth: u32,
}

/// Records by seq, and which ones to follow from each.
struct Graph<'a> {
    data: &'a Data,
    records: &'a BTreeMap<Seq, Record>,
    next: &'a BTreeMap<Seq, Vec<Seq>>,
    depth: u32,
}

impl Why {
    pub fn run(&self, cli: &Cli, printer: &mut Printer) -> Result<ExitCode, Failure> {
        let data = Data::open(cli)?;
        let root = data.record(Seq(self.seq))?;
        let mut records = BTreeMap::from([(root.seq, root.clone())]);
        let causes = ancestors(&data, &root, &mut records)?;
        let effects = descendants(&data, &root, &mut records)?;
        let up = Graph { data: &data, records: &records, next: &causes, depth: self.depth };
        let down = Graph { data: &data, records: &records, next: &effects, depth: self.depth };
        match printer.format() {
            Format::Table | Format::Wide => {
                printer.text(label(&root))?;
                printer.text(section("causes", up.trees(root.seq)))?;
                printer.text(section("effects", down.trees(root.seq)))?;
            }
            _ => {
                let mut json = summary(&root);
                json["causes"] = Value::Array(up.json(root.seq));
                json["effects"] = Value::Array(down.json(root.seq));
                printer.object(&json)?;
            }
        }
        printer.note(data.extent())?;
        Ok(ExitCode::Ok)
    }
}

/// Follows the causes backwards, as far as the log reaches. A cause is always older, so each step reads an earlier record.
fn ancestors(
    data: &Data,
    root: &Record,
    records: &mut BTreeMap<Seq, Record>,
) -> Result<BTreeMap<Seq, Vec<Seq>>, Failure> {
    let mut edges = BTreeMap::new();
    let mut open = BTreeSet::from([root.seq]);
    while let Some(seq) = open.pop_last() {
        if edges.len() >= NODES_MAX || data.is_gone(seq) {
            break;
        }
        let record = match records.entry(seq) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(data.record(seq)?),
        };
        let causes = causes_of(record);
        open.extend(causes.iter().copied());
        edges.insert(seq, causes);
    }
    Ok(edges)
}

/// Follows the effects forwards, in one pass over all that came after.
fn descendants(
    data: &Data,
    root: &Record,
    records: &mut BTreeMap<Seq, Record>,
) -> Result<BTreeMap<Seq, Vec<Seq>>, Failure> {
    let mut edges: BTreeMap<Seq, Vec<Seq>> = BTreeMap::from([(root.seq, vec![])]);
    let progress = Progress::new(Some(data.last.0 - root.seq.0), "events");
    for record in data.records(root.seq.next(), data.last)? {
        progress.advance(1);
        let record = data::decode(&record?)?;
        let known: Vec<Seq> = causes_of(&record).into_iter().filter(|cause| edges.contains_key(cause)).collect();
        if known.is_empty() {
            continue;
        }
        if edges.len() >= NODES_MAX {
            break;
        }
        known.iter().for_each(|cause| edges.entry(*cause).or_default().push(record.seq));
        edges.insert(record.seq, vec![]);
        records.insert(record.seq, record);
    }
    Ok(edges)
}

/// The causes that can be one: older than the record, each once.
fn causes_of(record: &Record) -> Vec<Seq> {
    let causes: BTreeSet<Seq> = record.draft.caused_by.iter().copied().collect();
    causes.into_iter().filter(|cause| *cause > Seq(0) && *cause < record.seq).collect()
}

impl Graph<'_> {
    fn trees(&self, root: Seq) -> Vec<Tree> {
        let mut seen = BTreeSet::from([root]);
        self.below(root, self.depth, &mut seen)
    }

    fn below(&self, seq: Seq, depth: u32, seen: &mut BTreeSet<Seq>) -> Vec<Tree> {
        let next = self.next.get(&seq).map_or(&[][..], Vec::as_slice);
        if depth == 0 && !next.is_empty() {
            return vec![Tree { label: format!("… {} more; see --depth", next.len()), below: vec![] }];
        }
        next.iter().map(|seq| self.tree(*seq, depth, seen)).collect()
    }

    fn tree(&self, seq: Seq, depth: u32, seen: &mut BTreeSet<Seq>) -> Tree {
        let Some(record) = self.records.get(&seq) else {
            let missing = if self.data.is_gone(seq) { " (not here)" } else { "" };
            return Tree { label: format!("#{seq} …{missing}"), below: vec![] };
        };
        if !seen.insert(seq) {
            let label = format!("#{seq} {} (shown above)", record.draft.event.kind());
            return Tree { label, below: vec![] };
        }
        Tree { label: label(record), below: self.below(seq, depth - 1, seen) }
    }

    /// The same as JSON: every record once, later mentions by seq only.
    fn json(&self, root: Seq) -> Vec<Value> {
        let mut seen = BTreeSet::from([root]);
        self.json_below(root, self.depth, &mut seen)
    }

    fn json_below(&self, seq: Seq, depth: u32, seen: &mut BTreeSet<Seq>) -> Vec<Value> {
        let next = self.next.get(&seq).map_or(&[][..], Vec::as_slice);
        if depth == 0 {
            return vec![];
        }
        next.iter()
            .map(|seq| match self.records.get(seq) {
                Some(record) if seen.insert(*seq) => {
                    let mut json = summary(record);
                    json["next"] = Value::Array(self.json_below(*seq, depth - 1, seen));
                    json
                }
                None if self.data.is_gone(*seq) => json!({"seq": seq, "here": false}),
                _ => json!({"seq": seq}),
            })
            .collect()
    }
}

fn summary(record: &Record) -> Value {
    json!({
        "seq": record.seq,
        "kind": record.draft.event.kind().name(),
        "recorded_at": record.draft.recorded_at,
        "body": record.draft.event.body_json(),
    })
}

/// A record in one line: seq, kind, and the first plain fields of its body.
fn label(record: &Record) -> String {
    let body = record.draft.event.body_json();
    let fields = body.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return None,
        };
        Some(format!("{name}={}", text.chars().take(FIELD_LETTERS).collect::<String>().escape_debug()))
    });
    let fields: Vec<String> = fields.take(FIELDS_SHOWN).collect();
    format!("#{} {} {}", record.seq, record.draft.event.kind(), fields.join(" ")).trim_end().to_owned()
}

fn section(name: &str, below: Vec<Tree>) -> String {
    if below.is_empty() {
        return format!("{name}: none recorded");
    }
    Tree { label: format!("{name}:"), below }.lines().join("\n")
}
