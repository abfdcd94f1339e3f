//! The house rules, as ordinary tests: arrows between crates, the shape of files, complete registries, a true README.
#![allow(clippy::unwrap_used, reason = "a broken repository is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use query::UnitKind;

/// Who may use whom. Development dependencies and the package `tests` are free.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("storage", &["model"]),
    ("ingest", &["model", "storage"]),
    ("collectors", &["model"]),
    ("sql", &["model"]),
    ("query", &["model", "storage", "sql"]),
    ("content", &["model", "query"]),
    ("alerting", &["model", "storage", "query", "content"]),
    ("web", &[]),
    (
        "api",
        &[
            "model",
            "storage",
            "ingest",
            "collectors",
            "query",
            "content",
            "alerting",
        ],
    ),
    ("simulator", &["model"]),
    (
        "server",
        &[
            "model",
            "storage",
            "ingest",
            "collectors",
            "query",
            "content",
            "alerting",
            "web",
            "api",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "server",
            "simulator",
            "collectors",
            "query",
            "content",
            "storage",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that stand on DataFusion, the catalog or the clouds' clients, and that others await.
const HEAVY: &[&str] = &["storage", "ingest", "collectors", "sql", "query"];

/// A file is read in one sitting; its tests are not counted.
const LINES_MAX: usize = 500;

/// A folder is seen at a glance; folders that are registries grow by design.
const FOLDER_FILES_MAX: usize = 20;

/// Folders with one file per unit.
const REGISTRIES: &[&str] = &[
    "crates/query/src/operators",
    "crates/query/src/aggregates",
    "crates/query/src/functions",
    "crates/query/src/metrics/operators",
];

#[test]
fn crates_use_only_the_crates_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let known: BTreeSet<String> = allowed.keys().map(|name| (*name).to_owned()).collect();
    let crates = folders_in(&root().join("crates"));
    assert_eq!(
        crates, known,
        "every crate has its line in ARROWS, and every line its crate"
    );
    let mut wrong = Vec::new();
    for name in &crates {
        let manifest = manifest(name);
        let called = manifest["package"]["name"].as_str();
        assert_eq!(
            called,
            Some(name.as_str()),
            "a crate is called as its folder"
        );
        for used in dependencies(&manifest).intersection(&known) {
            if !allowed[name.as_str()].contains(&used.as_str()) {
                wrong.push(format!("{name} uses {used}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that are absent on purpose: {wrong:#?}"
    );
}

#[test]
fn versions_stand_only_in_the_workspace() {
    let mut wrong = Vec::new();
    for name in folders_in(&root().join("crates")) {
        let manifest = manifest(&name);
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(entries)) = manifest.get(section) else {
                continue;
            };
            for (dependency, entry) in entries {
                if entry.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
                    wrong.push(format!("{name}: {dependency}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "dependencies without `workspace = true`: {wrong:#?}"
    );
}

#[test]
fn every_file_says_first_what_it_is() {
    let files = rust_files().into_iter();
    let wrong: Vec<_> = files
        .filter(|file| !read(file).starts_with("//! "))
        .collect();
    assert!(
        wrong.is_empty(),
        "files whose first line is no `//!`: {wrong:#?}"
    );
}

#[test]
fn no_file_is_too_long() {
    let lengths = rust_files()
        .into_iter()
        .map(|file| (lines_without_tests(&read(&file)), file));
    let wrong: Vec<_> = lengths.filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert!(
        wrong.is_empty(),
        "more than {LINES_MAX} lines without the tests: {wrong:#?}"
    );
}

#[test]
fn no_folder_is_too_full() {
    let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in rust_files() {
        *counts.entry(file.parent().unwrap().to_owned()).or_default() += 1;
    }
    counts.retain(|folder, count| {
        let grows = REGISTRIES
            .iter()
            .any(|registry| folder.starts_with(root().join(registry)));
        *count > FOLDER_FILES_MAX && !grows
    });
    assert!(
        counts.is_empty(),
        "folders of more than {FOLDER_FILES_MAX} files: {counts:#?}"
    );
}

/// The code of an `async fn` is made in every crate that awaits it, with all that it awaits in turn;
/// a boxed future's is made once, in its own crate.
#[test]
fn heavy_crates_hand_out_boxed_futures() {
    let is_heavy = |file: &PathBuf| {
        HEAVY
            .iter()
            .any(|name| file.starts_with(root().join("crates").join(name).join("src")))
    };
    let files = rust_files().into_iter().filter(is_heavy);
    let wrong: Vec<_> = files
        .filter(|file| read(file).contains("    pub async fn "))
        .collect();
    assert!(
        wrong.is_empty(),
        "`pub async fn` where `pub fn … -> BoxFuture` is wanted: {wrong:#?}"
    );
}

#[test]
fn every_collector_has_fixtures_or_tests_of_its_own() {
    let folder = root().join("crates/collectors/src");
    let mut names = folders_in(&folder);
    names.remove("sources");
    names.remove("support");
    names.retain(|name| {
        let tests =
            |file: &PathBuf| file.starts_with(folder.join(name)) && file.ends_with("tests.rs");
        !has_a_file(&folder.join(name).join("fixtures")) && !rust_files().iter().any(tests)
    });
    assert!(
        names.is_empty(),
        "collectors that nothing proves: {names:#?}"
    );
}

#[test]
fn every_unit_of_the_log_language_has_an_example_and_a_golden_case() {
    let folder = root().join("crates/query/tests/golden_logs");
    let cases: String = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| read(&path).to_lowercase())
        .collect();
    let mut wrong = Vec::new();
    for unit in query::descriptors() {
        let name = unit.name.to_lowercase();
        let is_used = match unit.kind {
            UnitKind::Operator => cases.contains(&format!("| {name}")),
            UnitKind::Aggregate => {
                let written = [format!("| {name}"), format!(", {name}(")];
                written.iter().any(|written| cases.contains(written))
            }
            UnitKind::Function => cases.contains(&format!("{name}(")),
        };
        if !is_used {
            wrong.push(format!("no golden case uses {}", unit.name));
        }
        if unit.examples.is_empty() {
            wrong.push(format!("{} has no example", unit.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn readme_shows_the_folders_there_are() {
    let readme = read(&root().join("README.md"));
    let tree = readme
        .split("```")
        .find(|block| block.contains("crates/model"))
        .unwrap();
    let shown: BTreeSet<String> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect();
    let mut there = folders_in(&root());
    let crates = folders_in(&root().join("crates"));
    there.extend(crates.into_iter().map(|name| format!("crates/{name}")));
    // What building, `serve` and `demo` leave behind is no part of it.
    for not_shown in [".git", ".cargo", "target", "data", "nephoscope-demo-data"] {
        there.remove(not_shown);
    }
    assert_eq!(shown, there, "the tree in README.md");
}

#[test]
fn architecture_names_every_crate() {
    let page = read(&root().join("crates/README.md"));
    let mut crates = folders_in(&root().join("crates"));
    crates.retain(|name| !page.contains(&format!("| `{name}` |")));
    assert!(
        crates.is_empty(),
        "crates without a row in crates/README.md: {crates:#?}"
    );
}

#[test]
fn the_length_of_a_file_ends_at_its_tests() {
    assert_eq!(
        lines_without_tests("//! a\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n"),
        2
    );
    assert_eq!(
        lines_without_tests("//! a\n#[cfg(test)]\nmod tests;\nfn b() {}\n"),
        4
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(name: &str) -> toml::Table {
    read(&root().join("crates").join(name).join("Cargo.toml"))
        .parse()
        .unwrap()
}

/// Returns the names of what the crate's library, build script and target-specific parts use.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut sections = vec![
        manifest.get("dependencies"),
        manifest.get("build-dependencies"),
    ];
    if let Some(toml::Value::Table(targets)) = manifest.get("target") {
        sections.extend(targets.values().map(|target| target.get("dependencies")));
    }
    let entries = sections
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table)
        .flatten();
    entries
        .map(|(name, entry)| {
            entry
                .get("package")
                .and_then(toml::Value::as_str)
                .unwrap_or(name)
        })
        .map(str::to_owned)
        .collect()
}

fn folders_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn has_a_file(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

/// Returns the length of a file up to its test module.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let begins_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with('{');
    lines
        .windows(2)
        .position(begins_tests)
        .unwrap_or(lines.len())
}

/// Returns every Rust file of ours; `node_modules` holds other people's.
fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("crates"), root().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}
