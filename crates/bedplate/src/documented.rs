//! docs/reference/configuration.md says what the code reads, and nothing else: flags, variables, keys, and the examples of all pages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use crate::args::Args;
use crate::config::Config;

/// Variables that are no flag's.
const VARIABLES: [&str; 2] = ["BEDPLATE_LOG", "BEDPLATE_URL"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/reference/configuration.md")).expect("the page is there")
}

/// The words of a text that begin with `prefix` and go on with letters, `-` or `_`.
fn words(text: &str, prefix: &str) -> BTreeSet<String> {
    let begins = text.match_indices(prefix).map(|(at, _)| at);
    let alone = begins.filter(|at| !text[..*at].ends_with(|letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter)));
    alone
        .map(|at| {
            let rest = &text[at + prefix.len()..];
            let end = rest.find(|letter: char| !(letter.is_ascii_alphabetic() || "-_".contains(letter)));
            format!("{prefix}{}", &rest[..end.unwrap_or(rest.len())])
        })
        .filter(|word| word[prefix.len()..].starts_with(|letter: char| letter.is_ascii_alphabetic()))
        .collect()
}

#[test]
fn flags_and_variables() {
    let (mut flags, mut variables) = (BTreeSet::new(), BTreeSet::from(VARIABLES.map(str::to_owned)));
    let mut verbs = vec![Args::command()];
    while let Some(verb) = verbs.pop() {
        verbs.extend(verb.get_subcommands().cloned());
        for arg in verb.get_arguments() {
            flags.extend(arg.get_long().map(|name| format!("--{name}")));
            variables.extend(arg.get_env().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    for own in ["--help", "--version"] {
        flags.remove(own);
    }
    assert_eq!(words(&page(), "--"), flags, "left: the page, right: the code");
    assert_eq!(words(&page(), "BEDPLATE_"), variables, "left: the page, right: the code");
}

#[test]
fn twelve_verbs_at_most() {
    let page = page();
    let command = Args::command();
    let listed: Vec<&str> = command
        .get_subcommands()
        .filter(|verb| !verb.is_hide_set())
        .map(|verb| verb.get_name())
        .collect();
    assert!(listed.len() <= 12, "{listed:?}");
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    for verb in command.get_subcommands() {
        let (hidden, verb) = (verb.is_hide_set(), verb.get_name());
        assert!(!hidden || more.contains(&format!("  {verb} ")), "{verb} is in no list");
        assert!(
            page.contains(&format!("`{verb}")) || page.contains(&format!("bedplate {verb}")),
            "{verb} is not in the page"
        );
    }
}

/// The keys that a table takes: the reader's own list, in its words about a key that does not exist.
fn keys(head: &str) -> Vec<String> {
    let message = read(&format!("{head}\nnobody = 1\n")).expect_err("there is no such key");
    let (_, list) = message
        .split_once("expected ")
        .unwrap_or_else(|| panic!("no list of keys in {message}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn read(text: &str) -> Result<Config, String> {
    let folder = std::env::temp_dir().join(format!("bedplate-documented-{}", bedplate_base::random_uuid()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("bedplate.toml");
    fs::write(&file, text).expect("a file");
    let config = Config::read(Some(&file), &folder);
    fs::remove_dir_all(folder).expect("it was made above");
    config
}

/// The tables, each with what its keys are written behind in the page.
const TABLES: [(&str, &str); 12] = [
    ("[server]", "server."),
    ("[[route]]", ""),
    ("[providers.x]", ""),
    ("[keys.x]", ""),
    ("[limits]", "limits."),
    ("[retention]", "retention."),
    ("[model_log]", "model_log."),
    ("[upstream]", "upstream."),
    ("[functions.x]", ""),
    ("[buckets.x]", ""),
    ("[telemetry]", "telemetry."),
    ("[[price]]", ""),
];

#[test]
fn keys_of_the_configuration() {
    let page = page();
    for (head, prefix) in TABLES {
        let keys = keys(head);
        assert!(!keys.is_empty(), "{head}");
        for key in keys {
            assert!(page.contains(&format!("\n| `{prefix}{key}` |")), "{head} {key} is not in the page");
        }
    }
    for key in keys("") {
        let row = format!("\n| `{key}` |");
        assert!(
            [row, format!("\n| `{key}."), format!("[{key}]"), format!("[{key}.")]
                .iter()
                .any(|text| page.contains(text)),
            "{key}"
        );
    }
}

/// A file with a secret is hidden from functions, whichever key names it.
#[test]
fn files_with_secrets_are_hidden() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut count = 0;
    for (head, _) in TABLES {
        for key in keys(head).iter().filter(|key| key.ends_with("_file")) {
            let kind = if head == "[providers.x]" { "kind = \"openai\"" } else { "" };
            let config = read(&format!("{head}\n{kind}\n{key} = {file:?}\n")).expect("it can be read");
            assert!(config.secret_files().any(|hidden| hidden == file), "{head} {key}");
            count += 1;
        }
    }
    assert!(count >= 6, "{count} keys were found");
}

#[test]
fn examples_can_be_read() {
    let docs = root().join("docs");
    let mut pages: Vec<PathBuf> = vec![root().join("README.md")];
    for folder in ["guides", "concepts", "reference"] {
        let entries = fs::read_dir(docs.join(folder)).expect("the folder is there");
        pages.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let mut count = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for block in text.split("\n```toml\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            if let Err(message) = read(block) {
                panic!("{}: {message}", page.display());
            }
            count += 1;
        }
    }
    assert!(count >= 4, "{count} examples were found");
}
