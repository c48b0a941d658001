//! Every file in `cases/` is a template; the text file beside it says what it comes to: the stack, or the mistakes.
//!
//! `BLESS=1 cargo test -p bedplate-template` writes the expected files anew; read the difference before committing it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use bedplate_template::{Code, Diagnostic, Options, Resource, Stack, TEMPLATE_BYTES_MAX, read};
use serde_json::json;

fn cases() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

#[test]
fn templates_come_to_what_is_written_beside_them() {
    let mut paths: Vec<PathBuf> = fs::read_dir(cases()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "json"));
    paths.sort();
    assert!(paths.len() > 10, "the cases are not where they were: {}", cases().display());
    let failed: Vec<String> = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A first line `# parameters: A=1 B=2` gives parameters.
fn check(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).unwrap();
    let parameters: BTreeMap<String, String> = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# parameters:"))
        .map(|line| {
            line.split_whitespace()
                .filter_map(|pair| pair.split_once('='))
                .map(|(k, v)| (k.into(), v.into()))
                .collect()
        })
        .unwrap_or_default();
    let actual = match read(
        path,
        &Options {
            parameters,
            ..Options::default()
        },
    ) {
        Ok(stack) => show(&stack),
        Err(diagnostics) => diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect(),
    };
    let actual = actual.replace(&format!("{}/", cases().canonicalize().unwrap().display()), "");
    let actual = actual.replace(&format!("{}/", cases().display()), "");
    let beside = path.with_extension(format!("{}.expected", path.extension().unwrap().display()));
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, &actual).unwrap();
    }
    let expected = fs::read_to_string(&beside).unwrap_or_default();
    if actual == expected {
        return Ok(());
    }
    Err(format!("{}\n--- expected\n{expected}--- actual\n{actual}", path.display()))
}

fn code(code: &Code) -> String {
    match code {
        Code::Folder(folder) => folder.display().to_string(),
        Code::Object { bucket, key } => format!("object {key} of bucket {bucket}"),
    }
}

fn show(stack: &Stack) -> String {
    let mut out = String::new();
    writeln!(out, "stack {}", stack.name).unwrap();
    if let Some(description) = &stack.description {
        writeln!(out, "description {description}").unwrap();
    }
    writeln!(out, "order {}", stack.order.join(" ")).unwrap();
    writeln!(
        out,
        "watch {}",
        stack
            .files_to_watch
            .iter()
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    )
    .unwrap();
    assert_eq!(stack.in_order().count(), stack.order.len());
    for resource in stack.in_order() {
        match resource {
            Resource::Agent(agent) => {
                writeln!(
                    out,
                    "\nagent {} line {} {} {} {}",
                    agent.logical_id, agent.at.line, agent.id, agent.arn, agent.name
                )
                .unwrap();
                let switches = (agent.auto_prepare, agent.skip_in_use_check_on_delete, &agent.test_alias_tags);
                writeln!(out, "prepare, skip, test alias tags {switches:?}").unwrap();
                writeln!(out, "create {:#}", json!(agent.create)).unwrap();
                agent
                    .action_groups
                    .iter()
                    .for_each(|group| writeln!(out, "action group {:#}", json!(group)).unwrap());
                agent
                    .knowledge_bases
                    .iter()
                    .for_each(|base| writeln!(out, "knowledge base {:#}", json!(base)).unwrap());
                agent
                    .collaborators
                    .iter()
                    .for_each(|collaborator| writeln!(out, "collaborator {:#}", json!(collaborator)).unwrap());
            }
            Resource::AgentAlias(alias) => {
                writeln!(
                    out,
                    "\nalias {} line {} {} {} {}",
                    alias.logical_id, alias.at.line, alias.id, alias.arn, alias.name
                )
                .unwrap();
                writeln!(out, "of {} create {:#}", alias.agent_id, json!(alias.create)).unwrap();
            }
            Resource::Function(function) => {
                let at = (&function.logical_id, function.at.line);
                writeln!(out, "\nfunction {} line {} {} {}", at.0, at.1, function.name, function.arn).unwrap();
                writeln!(out, "{} {} in {}", function.runtime, function.handler, code(&function.code)).unwrap();
                writeln!(out, "{} s {} MB {:?}", function.timeout_s, function.memory_mb, function.environment).unwrap();
                writeln!(out, "{:?} tags {:?}", function.description, function.tags).unwrap();
                for layer in &function.layers {
                    writeln!(out, "layer {} {:?}", layer.arn, layer.code.as_ref().map(code)).unwrap();
                }
            }
        }
    }
    for output in &stack.outputs {
        writeln!(out, "\noutput {} = {}   {:?}", output.name, output.value, output.description).unwrap();
    }
    out
}

fn read_text(text: &[u8]) -> Result<Stack, Vec<Diagnostic>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    fs::write(&path, text).unwrap();
    read(&path, &Options::default())
}

#[test]
fn ids_stay_when_anything_but_stack_and_logical_id_changes() {
    let template = "Resources:\n  A:\n    Type: AWS::Bedrock::Agent\n    Properties: {AgentName: NAME}\n";
    let id = |text: &str, stack: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("template.yaml");
        fs::write(&path, text).unwrap();
        read(
            &path,
            &Options {
                stack: Some(stack.into()),
                ..Options::default()
            },
        )
        .unwrap()
        .agents[0]
            .id
            .clone()
    };
    let first = id(template, "s");
    assert!(
        first.len() == 10 && first.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
        "{first}"
    );
    assert_eq!(first, id(&template.replace("NAME", "other"), "s"));
    assert_ne!(first, id(template, "t"));
    assert_ne!(first, id(&template.replace("  A:", "  B:"), "s"));
}

#[test]
fn files_that_are_no_templates_are_told_apart() {
    let told = |result: Result<Stack, Vec<Diagnostic>>| result.unwrap_err()[0].message.clone();
    assert!(told(read(Path::new("no/such/file.yaml"), &Options::default())).starts_with("cannot be read: "));
    assert!(told(read_text(&vec![b'#'; TEMPLATE_BYTES_MAX + 1])).contains("larger than 1000000 bytes"));
    assert_eq!(told(read_text(b"A: \xff\n")), "is not UTF-8: byte 3 is wrong");
    assert!(told(read_text(b"")).contains("is empty"));
    assert!(told(read_text(b"[1]")).contains("this is a list"));
    assert!(told(read_text("[".repeat(5000).as_bytes())).starts_with("not valid YAML or JSON: "));
}

#[test]
fn there_are_limits_and_none_of_them_is_a_crash() {
    let many = |count: usize| {
        let mut text = String::from("Resources:\n");
        (0..count).for_each(|n| writeln!(text, "  R{n}: {{Type: AWS::IAM::Role, DependsOn: R{}}}", n + 1).unwrap());
        writeln!(text, "  R{count}: {{Type: AWS::IAM::Role}}").unwrap();
        read_text(text.as_bytes())
    };
    assert_eq!(many(499).unwrap().resources, 500);
    assert!(many(500).unwrap_err()[0].message.contains("at most 500 resources"));
    // One letter of every kind of noise, anywhere: an answer, never a crash.
    let template = fs::read_to_string(cases().join("everything.yaml")).unwrap();
    for (index, _) in template.char_indices().step_by(97) {
        for noise in ["", "{", "- ", ": ", "!Sub ", "${", "&a ", "\n", "\"", "\t"] {
            let text = format!("{}{noise}{}", &template[..index], &template[index..]);
            if let Err(diagnostics) = read_text(text.as_bytes()) {
                assert!(!diagnostics.is_empty() && diagnostics.iter().all(|diagnostic| !diagnostic.message.is_empty()));
            }
        }
    }
}

#[test]
fn the_tennis_example_is_a_template() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let path = bedplate_template::find(&examples.join("tennis")).unwrap();
    let stack = read(&path, &Options::default()).unwrap();
    assert_eq!(
        (stack.name.as_str(), stack.order.as_slice()),
        ("tennis", &["TennisTools", "TennisAgent", "LiveAlias"].map(String::from)[..])
    );
    let group = &stack.agents[0].action_groups[0];
    assert_eq!(group["actionGroupExecutor"]["lambda"], json!(stack.functions[0].arn));
    assert_eq!(
        group["functionSchema"]["functions"][1]["parameters"]["slot_id"]["required"],
        json!(true)
    );
    assert_eq!(stack.aliases[0].agent_id, stack.agents[0].id);
    assert!(stack.functions[0].code.folder().unwrap().ends_with("examples/tennis/tools"));
    // The script makes the same agent by hand: what the model sees of it must not drift apart.
    let script = fs::read_to_string(examples.join("tennis/book.py")).unwrap();
    for function in group["functionSchema"]["functions"].as_array().unwrap() {
        for text in [&function["name"], &function["description"]] {
            assert!(script.contains(text.as_str().unwrap()), "{text} is not in book.py");
        }
    }
}

#[test]
fn a_flood_of_mistakes_is_cut_and_says_so() {
    let mut text = String::from("Resources:\n");
    (0..400).for_each(|n| {
        writeln!(
            text,
            "  R{n}: {{Type: AWS::Bedrock::Agent, Properties: {{AgentName: !Ref Rr{n}, Bad{n}: 1}}}}"
        )
        .unwrap()
    });
    let diagnostics = read_text(text.as_bytes()).unwrap_err();
    assert_eq!(diagnostics.len(), bedplate_template::DIAGNOSTICS_MAX + 1);
    assert_eq!(diagnostics.last().unwrap().message, "these are 100 mistakes; there may be more");
}
