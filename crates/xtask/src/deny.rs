//! `cargo xtask deny`: the rules of `deny.toml` that need no tool: bans and sources from Cargo.lock, licences from cargo itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

#[derive(Deserialize)]
struct Rules {
    bans: Bans,
    licenses: Licences,
    sources: Sources,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Ban {
    name: String,
    reason: String,
    /// The crates that may bring it all the same: nobody else may depend on it directly.
    #[serde(default)]
    wrappers: Vec<String>,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    allow_registry: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package, in the words of `cargo metadata`.
#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

/// What a package depends on, in the same words.
#[derive(Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    optional: bool,
    /// `dev`, `build`; none when it is needed to run.
    kind: Option<String>,
}

/// What breaks the rules in the graph of the workspace at `root`.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>, String> {
    let rules = fs::read_to_string(root.join("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let rules: Rules = toml::from_str(&rules).map_err(|error| format!("deny.toml: {error}"))?;
    let output = Command::new(crate::steps::cargo())
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    Ok(metadata.packages.iter().flat_map(|package| judge(&rules, package)).collect())
}

fn judge(rules: &Rules, package: &Package) -> Vec<String> {
    let mut problems = Vec::new();
    let name = format!("{} {}", package.name, package.version);
    for ban in &rules.bans.deny {
        if ban.name == package.name && ban.wrappers.is_empty() {
            problems.push(format!("{name} is banned: {}", ban.reason));
        }
        // With wrappers the ban lies on those who use the crate and are none of them. What is optional or for tests only is not built here.
        let needed = |other: &&Dependency| !other.optional && other.kind.as_deref() != Some("dev");
        let uses = package.dependencies.iter().filter(needed).any(|other| other.name == ban.name);
        if uses && !ban.wrappers.is_empty() && !ban.wrappers.contains(&package.name) {
            problems.push(format!("{name} uses {}, which is banned: {}", ban.name, ban.reason));
        }
    }
    if let Some(source) = &package.source {
        let address = source.strip_prefix("registry+").unwrap_or(source);
        if !rules.sources.allow_registry.iter().any(|registry| registry == address) {
            problems.push(format!("{name} comes from {source}, which is not allowed"));
        }
    }
    match &package.license {
        None => problems.push(format!("{name} names no licence")),
        Some(licence) if !allowed(licence, &rules.licenses.allow) => {
            problems.push(format!("{name} has the licence {licence}, which deny.toml does not allow"));
        }
        Some(_) => {}
    }
    problems
}

/// Whether an SPDX expression can be met with the licences of the list. `OR` binds weaker than `AND`; old manifests write `/` for `OR`.
fn allowed(expression: &str, allow: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut position = 0;
    let met = any(&words, &mut position, allow);
    met && position == words.len()
}

fn any(words: &[&str], position: &mut usize, allow: &[String]) -> bool {
    let mut met = all(words, position, allow);
    while words.get(*position) == Some(&"OR") {
        *position += 1;
        met |= all(words, position, allow);
    }
    met
}

fn all(words: &[&str], position: &mut usize, allow: &[String]) -> bool {
    let mut met = one(words, position, allow);
    while words.get(*position) == Some(&"AND") {
        *position += 1;
        met &= one(words, position, allow);
    }
    met
}

fn one(words: &[&str], position: &mut usize, allow: &[String]) -> bool {
    let Some(word) = words.get(*position) else { return false };
    *position += 1;
    if *word == "(" {
        let met = any(words, position, allow);
        *position += 1;
        return met;
    }
    let mut licence = (*word).to_owned();
    if let [Some(&"WITH"), Some(exception)] = [words.get(*position), words.get(*position + 1)] {
        licence = format!("{licence} WITH {exception}");
        *position += 2;
    }
    allow.contains(&licence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_with_wrappers_lies_on_everybody_else() {
        let rules: Rules = toml::from_str(
            r#"
            bans = { deny = [{ name = "chrono", wrappers = ["s3s"], reason = "jiff" }] }
            licenses = { allow = ["MIT"] }
            sources = { allow-registry = [] }
            "#,
        )
        .unwrap();
        let package = |name: &str, dependency: &str| -> Package {
            let text =
                format!(r#"{{"name": "{name}", "version": "1.0.0", "license": "MIT", "source": null, "dependencies": [{dependency}]}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let plain = r#"{"name": "chrono", "kind": null}"#;
        for (name, dependency, problems) in [
            ("chrono", "", 0),
            ("s3s", plain, 0),
            ("other", plain, 1),
            ("other", r#"{"name": "chrono", "kind": "dev"}"#, 0),
            ("other", r#"{"name": "chrono", "kind": null, "optional": true}"#, 0),
        ] {
            assert_eq!(judge(&rules, &package(name, dependency)).len(), problems, "{name} {dependency}");
        }
    }

    #[test]
    fn licences() {
        let allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause"].map(str::to_owned);
        for (expression, expected) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR Apache-2.0) AND BSD-3-Clause", true),
            ("(MIT OR Apache-2.0) AND GPL-3.0", false),
            ("GPL-3.0 AND ISC OR MIT", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("GPL-2.0 WITH Classpath-exception-2.0", false),
            ("MIT MIT", false),
            ("", false),
        ] {
            assert_eq!(allowed(expression, &allow), expected, "{expression}");
        }
    }
}
