//! Examples that come with the binary, so that the first run needs nothing else.

use std::path::{Path, PathBuf};

struct Example {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    /// Other ways to the same functions, each an example by its own name: a script that orchestrates them without an agent.
    scripts: &'static [(&'static str, &'static str)],
}

/// An example with its files, read when the program is built, and the names of its scripts.
macro_rules! example {
    ($name:literal: $($file:literal),+; $($other:literal = $script:literal),*) => {
        Example {
            name: $name,
            files: &[$(($file, include_str!(concat!("../../../examples/", $name, "/", $file)))),+],
            scripts: &[$(($other, $script)),*],
        }
    };
}

/// An example that was asked for.
pub(crate) struct Found {
    /// Where its template is.
    pub(crate) folder: PathBuf,
    /// The script in the folder that is played instead of the first conversation.
    pub(crate) script: Option<&'static str>,
}

const EXAMPLES: &[Example] = &[
    example!("tennis": "template.yaml", "tools/app.py", "tools/courts.py", "first-conversation.txt", "book.py", "pattern_a.py", "pattern_e.py",
        "README.md"; "tennis-a" = "pattern_a.py", "tennis-e" = "pattern_e.py"),
    example!("orders": "template.yaml", "tools/order_tools.py", "tools/order_book.py", "first-conversation.txt", "orders.py", "README.md";),
    example!("retailer": "template.yaml", "tools/service.py", "tools/shop.py", "first-conversation.txt", "support.py", "orchestrator.py",
        "README.md"; "retailer-orchestrator" = "orchestrator.py"),
];

/// An example by its name, or by that of one of its scripts.
///
/// # Errors
/// There is no such example, or the copy cannot be written.
pub(crate) fn find(name: &str, state: &Path) -> Result<Found, String> {
    for example in EXAMPLES {
        let script = example.scripts.iter().find(|(own, _)| *own == name).map(|(_, script)| *script);
        if script.is_some() || example.name == name {
            return Ok(Found {
                folder: folder(example, state)?,
                script,
            });
        }
    }
    let names: Vec<&str> = EXAMPLES
        .iter()
        .flat_map(|example| std::iter::once(example.name).chain(example.scripts.iter().map(|(name, _)| *name)))
        .collect();
    Err(format!("there is no example {name:?}; there is {}", names.join(", ")))
}

/// The folder of an example: `examples/NAME` of this folder when it is there, else a copy of ours under `state`.
fn folder(example: &Example, state: &Path) -> Result<PathBuf, String> {
    let here = Path::new("examples").join(example.name);
    if here.join("template.yaml").is_file() {
        return Ok(here);
    }
    let copy = state.join("examples").join(example.name);
    for (file, text) in example.files {
        let path = copy.join(file);
        // A copy that the user has edited stays as it is.
        if path.exists() {
            continue;
        }
        let made = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&path, text));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(copy)
}

/// What is said to an example's agent when it starts for the first time, one turn a line.
pub(crate) fn conversation(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("first-conversation.txt")).unwrap_or_default();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of a folder and those below, relative to it; not what Python leaves behind.
    fn files_below(root: &Path, folder: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "__pycache__" && entry.file_name() != ".venv" {
                files_below(root, &path, out);
            } else if path.is_file() {
                out.push(path.strip_prefix(root).expect("below the root").display().to_string());
            }
        }
    }

    #[test]
    fn every_example_is_whole() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let mut there: Vec<String> = Vec::new();
        files_below(&root, &root, &mut there);
        there.retain(|file| !file.contains("/test_") && !file.contains("/.") && !file.ends_with(".pyc"));
        there.sort();
        let mut ours: Vec<String> = EXAMPLES
            .iter()
            .flat_map(|example| example.files.iter().map(|(file, _)| format!("{}/{file}", example.name)))
            .collect();
        ours.sort();
        assert_eq!(ours, there, "the table has every file of examples/ but the tests");
        for example in EXAMPLES {
            let folder = root.join(example.name);
            assert!(!conversation(&folder).is_empty(), "{} says nothing", example.name);
            for (name, script) in example.scripts {
                assert!(folder.join(script).is_file(), "{name} has no {script}");
            }
        }
    }
}
