//! Rules of the house that the compiler does not check. A failure names file and line.

use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 700;
const FUNCTION_LINES_MAX: usize = 70;

/// The floor of each room; imports point down only.
const FLOORS: &[(&str, u32)] = &[
    ("event", 0),
    ("game", 1),
    ("judge", 1),
    ("log", 1),
    ("projection", 1),
    ("learn", 2),
    ("net", 2),
    ("policy", 2),
    ("replay", 2),
    ("search", 2),
    ("artifact", 3),
    ("replica", 3),
    ("work", 3),
    ("node", 4),
    ("cli", 5),
];

/// Imports within a floor, or of a floor above, that the design allows.
const ALLOWED: &[(&str, &str)] = &[
    ("learn", "search"),  // self-play and matches feed the trainer
    ("learn", "work"),    // the worker program speaks the worker protocol
    ("work", "artifact"), // results become blobs
    ("node", "cli"),      // exit codes and output formats
];

const FUNCTIONS: &[&str] =
    &["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn ", "async fn ", "pub async fn ", "const fn ", "pub const fn "];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Every source file below the root, with its text.
fn all_sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![];
    for folder in ["src", "tools", "tests", "benches"] {
        sources(&root.join(folder), &mut paths);
    }
    assert!(paths.len() > 50, "the walk must find the sources");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        (path.strip_prefix(root).expect("below the root").to_owned(), text)
    };
    paths.into_iter().map(read).collect()
}

/// Functions that are too long, as (line, length), found by their indentation (the formatter guarantees it).
fn long_functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = vec![];
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_declared_only = code.ends_with(';');
        if is_declared_only || !FUNCTIONS.iter().any(|prefix| code.starts_with(prefix)) {
            continue;
        }
        let closing = format!("{}}}", &line[..line.len() - code.len()]);
        let length = lines[start..].iter().position(|line| *line == closing).map_or(1, |at| at + 1);
        if length > FUNCTION_LINES_MAX {
            found.push((start + 1, length));
        }
    }
    found
}

#[test]
fn files_and_functions_stay_short() {
    let mut problems = vec![];
    for (path, text) in all_sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            problems.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", path.display()));
        }
        // A test may be as long as the data in it.
        let is_test = path.iter().any(|part| part == "tests");
        for (line, length) in long_functions(&text).into_iter().filter(|_| !is_test) {
            problems.push(format!("{}:{line}: {length} lines, at most {FUNCTION_LINES_MAX}", path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn imports_point_down_only() {
    let floor = |room: &str| FLOORS.iter().find(|(name, _)| *name == room).map(|(_, floor)| *floor);
    let mut problems = vec![];
    for (path, text) in all_sources() {
        let mut parts = path.iter().filter_map(|part| part.to_str());
        if parts.next() != Some("src") {
            continue;
        }
        let Some(room) = parts.next().filter(|room| floor(room).is_some()) else { continue };
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (at, _) in code.match_indices("crate::") {
                let rest = &code[at + "crate::".len()..];
                let to: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let Some(target) = floor(&to).filter(|_| to != room) else { continue };
                if target >= floor(room).expect("a room") && !ALLOWED.contains(&(room, to.as_str())) {
                    problems.push(format!("{}:{}: {room} must not know {to}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    // In two parts, so that this file does not find itself.
    let banned = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
        concat!("dbg", "!("),
    ];
    let mut problems = vec![];
    for (path, text) in all_sources() {
        for (number, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(**word)) {
                problems.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The pages with a table of failures and of the tests that keep them away. The tests are in its last column.
const TABLES_OF_FAILURES: &[&str] = &["docs/failures.md", "docs/judgement.md", "docs/datasets.md"];

/// Rows of the tables whose last column is headed "test", as (line, last cell).
fn rows_of_failures(page: &str) -> Vec<(usize, &str)> {
    let mut rows = vec![];
    let mut wanted = false;
    for (number, line) in page.lines().enumerate() {
        let Some(cells) = line.trim().strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            wanted = false;
            continue;
        };
        let last = cells.rsplit('|').next().unwrap_or_default().trim();
        match wanted {
            true if !last.starts_with("---") => rows.push((number + 1, last)),
            true => {}
            false => wanted = last == "test",
        }
    }
    rows
}

/// What a cell names that can only be a test: several words in one.
fn tests_of(cell: &str) -> Vec<&str> {
    let quoted = cell.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.matches('_').count() >= 2 && !word.contains(' ')).collect()
}

#[test]
fn every_failure_has_its_test_or_says_that_it_has_none() {
    let sources = all_sources();
    let exists = |name: &str| sources.iter().any(|(_, text)| text.contains(&format!("fn {name}(")));
    let mut problems = vec![];
    for path in TABLES_OF_FAILURES {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a page");
        let rows = rows_of_failures(&page);
        assert!(!rows.is_empty(), "{path} has no table of failures");
        for (line, cell) in rows {
            let tests = tests_of(cell);
            if tests.is_empty() && !cell.contains("not yet") {
                problems.push(format!("{path}:{line}: no test, and it does not say \"not yet\""));
            }
            for name in tests.into_iter().filter(|name| !exists(name)) {
                problems.push(format!("{path}:{line}: there is no test {name}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Kinds that are written for people and for `kifu-replay`, and that no rule depends on.
const FOR_THE_RECORD: &[&str] = &[
    "HistoryArchived", // where old history went
    "LogRepaired",     // which segment was written anew, and from whom
    "JobSubmitted",    // who asked for a job
];

/// The events of the registry: the last word of each of its lines.
fn registered(registry: &str) -> Vec<&str> {
    registry.lines().filter(|line| line.starts_with("    0x")).filter_map(|line| line.rsplit("::").next()).collect()
}

/// Whether `word` stands in the text and is not the end of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn every_kind_is_written_somewhere_and_read_somewhere() {
    let sources = all_sources();
    let code = |path: &Path| path.starts_with("src") && !path.starts_with("src/event");
    // Tests stand at the end of their file.
    let code: Vec<&str> = sources
        .iter()
        .filter(|(path, _)| code(path))
        .filter_map(|(_, text)| text.split("#[cfg(test)]\nmod tests").next())
        .collect();
    let registry = sources.iter().find(|(path, _)| path.ends_with("event/registry.rs")).expect("the registry");
    let kinds = registered(&registry.1);
    assert!(kinds.len() > 50 && kinds.iter().all(|kind| kind.chars().all(char::is_alphanumeric)), "{kinds:?}");
    let mut problems = vec![];
    for kind in kinds {
        let written = format!("{kind} {{");
        if !code.iter().any(|text| has_word(text, &written)) {
            problems.push(format!("nothing writes {kind}"));
        }
        let names = [format!("Event::{kind}("), format!("Kind::{kind}")];
        let read = code.iter().any(|text| names.iter().any(|name| text.contains(name)));
        if read == FOR_THE_RECORD.contains(&kind) {
            problems.push(format!("{kind} is read: {read}; the list of kinds that nobody reads says otherwise"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn decisions_have_numbers_of_their_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decisions");
    let names = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut numbers: Vec<String> = names.map(|name| name.to_string_lossy().chars().take(4).collect()).collect();
    let all = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), all, "two decisions have the same number");
}

#[test]
fn the_checks_can_fail() {
    let long = format!("fn f() {{\n{}}}\n", "    let x = 1;\n".repeat(FUNCTION_LINES_MAX));
    assert_eq!(long_functions(&long), vec![(1, FUNCTION_LINES_MAX + 2)]);
    assert!(long_functions("fn f() {\n}\n").is_empty());
    let page = "| a | test |\n|---|---|\n| b | `x_y_z`, `w` |\n\n| a | b |\n|---|---|\n| c | `not_of_interest` |\n";
    assert_eq!(rows_of_failures(page), [(3, "`x_y_z`, `w`")]);
    assert_eq!(tests_of("`x_y_z`, `w`; `not a_test_name`"), ["x_y_z"]);
    assert!(has_word("(Job {", "Job {") && !has_word("SubmitJob {", "Job {"));
}
