//! What the server would make of a configuration, without starting it: all mistakes at once, for `config check` and `doctor`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use bedplate_lambda::{LocalFunction, Mapping};
use bedplate_providers::Mode;

use crate::config::Config;
use crate::{app, clock, serve};

/// A part of a configuration, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// `models`, `keys`, `upstream`, `function NAME`.
    pub(crate) name: String,
    /// How much there is of it; empty when that says nothing.
    pub(crate) found: String,
    /// With file and line where they are known.
    pub(crate) mistake: Option<String>,
}

/// Looks at all that the server reads at its start: routes and providers (unused ones too), scripts, the secrets of keys and of the upstream,
/// and the functions with their folders.
pub(crate) fn parts(config: &Config) -> Vec<Part> {
    let env = |name: &str| std::env::var(name).ok();
    let folder = config.folder(Path::new("."));
    let part = |name: &str, found: String, outcome: Result<(), String>| Part {
        name: name.to_owned(),
        found,
        mistake: outcome.err(),
    };
    let models = app::models(config, Mode::Serve, &clock::SystemClock::default(), Arc::new(|_, _| {}));
    let mut parts = vec![part(
        "models",
        format!("{} routes, {} providers", config.models.routes.len(), config.models.providers.len()),
        models.map(drop).map_err(|error| serve::chain(&error)),
    )];
    let keys = config.keys.resolve(&folder, &env);
    parts.push(part(
        "keys",
        match config.keys.0.len() {
            0 => "none: requests are not asked for a signature".to_owned(),
            count => format!("{count}, their secrets are there"),
        },
        keys.map(drop).map_err(|problem| config.at(&problem)),
    ));
    if config.upstream.url.is_some() || config.upstream.secret_env.is_some() || config.upstream.secret_file.is_some() {
        let upstream = config.upstream.resolve(None, &folder, &env);
        parts.push(part(
            "upstream",
            config.upstream.url.clone().unwrap_or_default(),
            upstream.map(drop).map_err(|problem| config.at(&problem)),
        ));
    }
    for (name, function) in &config.functions {
        let mapping = function
            .mapping(name, &folder, &env)
            .map_err(|error| config.locate(error).message)
            .and_then(|mapping| match mapping {
                Mapping::Local(local) => {
                    code(&local).map_err(|problem| config.at(&format!("functions.{name}: {problem}")))?;
                    Ok(format!("{} in {}", local.handler, local.folder.display()))
                }
                Mapping::Remote(_) => Ok("elsewhere".to_owned()),
            });
        let (found, outcome) = match mapping {
            Ok(found) => (found, Ok(())),
            Err(mistake) => (String::new(), Err(mistake)),
        };
        parts.push(part(&format!("function {name}"), found, outcome));
    }
    parts
}

/// Whether the code of a function is where it should be; nothing of it is run.
fn code(function: &LocalFunction) -> Result<(), String> {
    let folder = &function.folder;
    if !folder.is_dir() {
        return Err(format!("code: {} is not a folder", folder.display()));
    }
    if function.runtime.starts_with("provided") {
        let file = folder.join("bootstrap");
        return match std::fs::metadata(&file) {
            Ok(about) if about.is_file() && about.permissions().mode() & 0o111 != 0 => Ok(()),
            Ok(_) => Err(format!(
                "code: {} is not an executable file; `chmod +x` makes it one",
                file.display()
            )),
            Err(_) => Err(format!("code: there is no executable `bootstrap` in {}", folder.display())),
        };
    }
    let module = function
        .handler
        .rsplit_once('.')
        .map_or(function.handler.as_str(), |(module, _)| module);
    let files: Vec<String> = if function.runtime.starts_with("python") {
        let path = module.replace('.', "/");
        vec![format!("{path}.py"), format!("{path}/__init__.py")]
    } else if function.runtime.starts_with("nodejs") {
        ["js", "mjs", "cjs"].map(|kind| format!("{module}.{kind}")).to_vec()
    } else {
        return Ok(());
    };
    if files.iter().any(|file| folder.join(file).is_file()) {
        return Ok(());
    }
    Err(format!(
        "handler: {} is not in {}: there is no {}",
        function.handler,
        folder.display(),
        files.join(" and no ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mistakes of a configuration beside two handlers.
    fn mistakes(text: &str) -> Vec<(String, String)> {
        let folder = std::env::temp_dir().join(format!("bedplate-checked-{}", bedplate_base::random_uuid()));
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::write(folder.join("src/app.py"), "").unwrap();
        std::fs::write(folder.join("src/bootstrap"), "").unwrap();
        std::fs::write(folder.join("short.txt"), "short").unwrap();
        let file = folder.join("bedplate.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::read(Some(&file), &folder).unwrap();
        let found = parts(&config);
        let shown = folder.display().to_string();
        std::fs::remove_dir_all(&folder).unwrap();
        let wrong = found.into_iter().filter_map(|part| Some((part.name, part.mistake?)));
        wrong.map(|(name, mistake)| (name, mistake.replace(&shown, "HERE"))).collect()
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(
            "[providers.unused]\nkind = \"openai\"\nbase_url = \"nowhere\"\n\n[keys.team]\naccess_key = \"AKIDTEAM\"\nsecret_file = \"short.txt\"\n\n\
             [upstream]\nurl = \"http://localhost:1/path\"\n\n[functions.none]\ncode = \"nowhere\"\n\n[functions.other]\ncode = \"src\"\n\
             handler = \"tools.run\"\n\n[functions.own]\ncode = \"src\"\nruntime = \"provided.al2023\"\n\n[functions.good]\ncode = \"src\"\n",
        );
        let told = |part: &str| {
            let of_part = found.iter().find(|(name, _)| name == part);
            of_part.map_or("", |(_, mistake)| mistake.as_str())
        };
        for (part, piece) in [
            ("models", "HERE/bedplate.toml:1: "),
            ("keys", "HERE/bedplate.toml:5: keys.team.secret_file: the secret is too short"),
            ("upstream", "upstream.url: \"http://localhost:1/path\" has more than an address"),
            (
                "function none",
                "HERE/bedplate.toml:12: functions.none: code: HERE/nowhere is not a folder",
            ),
            ("function other", "tools.run is not in HERE/src: there is no tools.py"),
            ("function own", "is not an executable file"),
        ] {
            assert!(told(part).contains(piece), "{part}: {piece:?} in {found:?}");
        }
        assert_eq!(found.len(), 6, "{found:?}");
    }

    #[test]
    fn a_good_configuration_has_none() {
        assert_eq!(mistakes("[functions.good]\ncode = \"src\"\n"), Vec::new());
        assert_eq!(mistakes(""), Vec::new());
    }
}
