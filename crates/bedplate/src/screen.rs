//! What `dev` shows: the block at the start, and a line when something was applied again. It goes to
//! standard output, the log to standard error.

use std::fmt::Write;
use std::path::Path;

use bedplate_template::{Diagnostic, Stack};

use crate::apply::Applied;
use crate::serve::House;

/// The block at the start.
pub(crate) fn opening(house: &House, ephemeral: bool, stack: Option<(&Path, &Stack)>, applied: &[Applied]) -> String {
    let mut out = format!("bedplate {}  AWS API   {}\n\n", env!("CARGO_PKG_VERSION"), house.url);
    out.push_str("model     builtin/planner   offline, rule-based, not an LLM; answers for every model that no route names\n");
    match house.config.models.routes.len() {
        0 => out.push_str("          add a [[route]] to bedplate.toml to use Ollama, OpenAI or any compatible server\n"),
        count => {
            let file = house
                .config
                .file
                .as_deref()
                .map(|file| file.display().to_string())
                .unwrap_or_default();
            let _ = writeln!(out, "          {count} route{} in {file}", plural(count));
        }
    }
    match stack {
        Some((path, stack)) => {
            let resources = stack.resources;
            let _ = writeln!(
                out,
                "template  {}   AWS CloudFormation + SAM, {resources} resource{}, watching",
                path.display(),
                plural(resources)
            );
        }
        None => out.push_str("template  none in this folder; create agents with any AWS SDK\n"),
    }
    let functions: Vec<&Applied> = applied.iter().filter(|one| one.kind == "function").collect();
    if !functions.is_empty() {
        let names: Vec<&str> = functions.iter().map(|one| one.name.as_str()).collect();
        let _ = writeln!(out, "tools     {}   {}", names.join(", "), functions[0].note);
    }
    if ephemeral {
        out.push_str("state     in memory, forgotten at the end\n");
    } else {
        let _ = writeln!(
            out,
            "state     {}   kept between runs (--ephemeral to forget)",
            short(&house.folder)
        );
    }
    match &house.upstream {
        Some(_) => out.push_str("other AWS services          are forwarded\n\n"),
        None => out.push_str("other AWS services          not configured (--upstream http://localhost:4566)\n\n"),
    }
    for agent in applied.iter().filter(|one| one.kind == "agent") {
        let alias = stack.and_then(|(_, stack)| stack.aliases.iter().find(|alias| alias.agent_id == agent.id));
        let shown = alias.and_then(|alias| applied.iter().find(|one| one.kind == "alias" && one.id == alias.id));
        let alias = shown
            .map(|alias| format!("   alias {} {}", alias.name, alias.note))
            .unwrap_or_default();
        let _ = writeln!(out, "agent     {}    {}   {}{alias}", agent.name, agent.id, agent.note);
    }
    let keys = match house.asks_for_keys() {
        false => "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local ",
        true => "", // the shell's own: a secret is not shown
    };
    let _ = write!(
        out,
        "\npaste     export AWS_ENDPOINT_URL={0} AWS_REGION={1} AWS_DEFAULT_REGION={1} \\\n                 {keys}AWS_DISABLE_HOST_PREFIX_INJECTION=true\n",
        house.url, house.config.place.region
    );
    if house.asks_for_keys() {
        out.push_str("          and a key of bedplate.toml: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY\n");
    }
    if let Some(agent) = applied.iter().find(|one| one.kind == "agent") {
        let _ = writeln!(out, "try       {} chat {} \"…\"", program(), agent.name);
    }
    out.push_str("keys      Ctrl-C quit\n");
    out
}

/// What an application after a save came to.
pub(crate) fn again(applied: &[Applied]) -> String {
    let changed: Vec<String> = applied
        .iter()
        .filter(|one| one.changed)
        .map(|one| format!("{} {} {}", one.kind, one.name, one.note))
        .collect();
    if changed.is_empty() {
        "applied   functions start afresh, agents are unchanged".into()
    } else {
        format!("applied   {}", changed.join(", "))
    }
}

/// All mistakes of a template.
pub(crate) fn mistakes(diagnostics: &[Diagnostic]) -> String {
    let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// How this program was called, so that the line can be pasted: `bedplate`, `target/debug/bedplate`.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    if called.contains('/') {
        short(Path::new(&called)).trim_end_matches('/').trim_start_matches("./").to_owned()
    } else {
        "bedplate".into()
    }
}

/// A path relative to this folder when it lies in it.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    match here.as_deref().and_then(|here| path.strip_prefix(here).ok()) {
        Some(inside) => format!("./{}/", inside.display()),
        None => format!("{}/", path.display()),
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
