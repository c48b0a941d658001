//! Examples that come with the binary, so that the first run needs nothing else.

use std::path::{Path, PathBuf};

struct Example {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const EXAMPLES: &[Example] = &[Example {
    name: "tennis",
    files: &[
        ("template.yaml", include_str!("../../../examples/tennis/template.yaml")),
        ("tools/app.py", include_str!("../../../examples/tennis/tools/app.py")),
        ("tools/courts.py", include_str!("../../../examples/tennis/tools/courts.py")),
        (
            "first-conversation.txt",
            include_str!("../../../examples/tennis/first-conversation.txt"),
        ),
        ("book.py", include_str!("../../../examples/tennis/book.py")),
        ("README.md", include_str!("../../../examples/tennis/README.md")),
    ],
}];

/// The folder of an example: `examples/NAME` of this folder when it is there, else a copy of ours under `state`.
///
/// # Errors
/// There is no such example, or the copy cannot be written.
pub(crate) fn folder(name: &str, state: &Path) -> Result<PathBuf, String> {
    let Some(example) = EXAMPLES.iter().find(|example| example.name == name) else {
        let names: Vec<&str> = EXAMPLES.iter().map(|example| example.name).collect();
        return Err(format!("there is no example {name:?}; there is {}", names.join(", ")));
    };
    let here = Path::new("examples").join(name);
    if here.join("template.yaml").is_file() {
        return Ok(here);
    }
    let copy = state.join("examples").join(name);
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
