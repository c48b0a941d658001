//! `fields.toml` says what every field does: the list is complete, and each entry is put to the proof.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use bedplate_wire::{Kind, Schema};
use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::play;
use crate::house::{House, Told, Without, forget};

const GET: &str = "GET";

#[derive(Deserialize)]
struct File {
    section: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    #[serde(rename = "title")]
    _title: String,
    field: Vec<Field>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: String,
    r#in: Vec<String>,
    class: Class,
    #[serde(rename = "how")]
    _how: String,
    by: Option<String>,
    value: Option<String>,
    other: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Class {
    Acts,
    Echoes,
    Refused,
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fields() -> Vec<Field> {
    let file: File = toml::from_str(&std::fs::read_to_string(folder().join("fields.toml")).unwrap()).unwrap();
    file.section.into_iter().flat_map(|section| section.field).collect()
}

/// The operations that the table is about: those of agents, action groups, versions and aliases that are built, and their tags.
fn operations() -> BTreeSet<&'static str> {
    let code = std::fs::read_to_string(folder().join("src/control/mod.rs")).unwrap();
    let built = |name: &str| code.contains(&format!("    {name} => "));
    let all = bedplate_wire_bedrock_agent::SERVICE.operations.iter().map(|one| one.name);
    all.filter(|name| built(name)).collect()
}

/// Paths of all leaves below `path`.
fn leaves(schema: &'static Schema, path: &str, out: &mut Vec<String>) {
    match &schema.kind {
        Kind::Structure(members) | Kind::Union(members) if !members.is_empty() => {
            for member in *members {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(member.schema, &format!("{path}{dot}{}", member.name), out);
            }
        }
        Kind::List { member, .. } => leaves(member, &format!("{path}[]"), out),
        Kind::Map { value, .. } if !value.members().is_empty() => leaves(value, &format!("{path}{{}}"), out),
        _ if path.is_empty() => {}
        _ => out.push(path.to_owned()),
    }
}

/// Whether an entry named `name` speaks of `leaf`.
fn covers(name: &str, leaf: &str) -> bool {
    leaf.strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', '{']))
}

#[test]
fn every_field_has_one_entry() {
    let fields = fields();
    let mut used = BTreeSet::new();
    for name in operations() {
        let operation = bedplate_wire_bedrock_agent::SERVICE.operation(name).unwrap();
        let mut all = Vec::new();
        leaves(operation.input, "", &mut all);
        for leaf in all {
            let mine = |field: &&Field| field.r#in.iter().any(|one| one == name) && covers(&field.name, &leaf);
            let entries: Vec<&Field> = fields.iter().filter(mine).collect();
            assert_eq!(
                entries.len(),
                1,
                "{name} {leaf}: fields.toml must have one entry for it, not {entries:?}"
            );
            used.insert((name.to_owned(), entries[0].name.clone()));
        }
    }
    for field in &fields {
        for name in &field.r#in {
            assert!(
                used.contains(&(name.clone(), field.name.clone())),
                "{name} has no field {}",
                field.name
            );
        }
        let sound = match field.class {
            Class::Acts => field.by.is_some(),
            Class::Echoes => field.by.is_none() && field.value.is_none(),
            Class::Refused => field.by.is_none() && field.value.is_some(),
        };
        assert!(sound, "{field:?}");
    }
}

/// Where the value of an echoed field stands in the requests of `fields.yaml`, all of which come back (see `fields.rs`).
#[test]
fn what_echoes_is_sent_and_read_back() {
    let text = std::fs::read_to_string(folder().join("tests/cases/fields.yaml")).unwrap();
    let sent: Value = serde_saphyr::from_str(&text).unwrap();
    for field in fields().iter().filter(|field| field.class == Class::Echoes) {
        for name in &field.r#in {
            let bodies = match name.as_str() {
                "CreateAgent" => vec![&sent["create_agent"]],
                "UpdateAgent" => vec![&sent["update_agent"]],
                "CreateAgentAlias" => vec![&sent["create_alias"]],
                "UpdateAgentAlias" => vec![&sent["update_alias"]],
                "CreateAgentActionGroup" | "UpdateAgentActionGroup" => sent["action_groups"].as_array().unwrap().iter().collect(),
                other => panic!("{other} echoes nothing"),
            };
            let holds = bodies.into_iter().any(|body| {
                let mut without = body.clone();
                forget(&mut without, &field.name);
                without != *body
            });
            assert!(holds, "no request of fields.yaml has {} for {name}", field.name);
        }
    }
}

/// A file of requests fails when a field that acts is not heard.
#[tokio::test]
async fn what_acts_is_missed_by_its_file() {
    let mut unheard = Vec::new();
    for field in fields() {
        let Some(file) = field.by.as_deref().and_then(|by| by.strip_prefix("control/")) else {
            continue;
        };
        let case = file.strip_suffix(".yaml").unwrap().to_owned();
        for operation in field.r#in {
            let without = Without {
                operation: operation.clone(),
                field: field.name.clone(),
            };
            let played = AssertUnwindSafe(play(&case, Some(without))).catch_unwind().await;
            if played.is_ok() {
                unheard.push(format!("{operation} {} ({file})", field.name));
            }
        }
    }
    assert!(unheard.is_empty(), "their files pass without them: {unheard:#?}");
}

#[test]
fn named_tests_exist() {
    for field in fields() {
        let Some((file, test)) = field.by.as_deref().and_then(|by| by.split_once("::")) else {
            continue;
        };
        let text = std::fs::read_to_string(folder().join("../..").join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(text.contains(&format!(" {test}(")), "{file} has no test {test}");
    }
}

fn merged(base: &Value, more: &Value) -> Value {
    let mut all = base.clone();
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => all.as_object_mut().unwrap().remove(name),
            value => all.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    all
}

/// What PrepareAgent makes of an agent with one action group when `operation` is told `change`: its program, or its refusal.
async fn prepared(operation: &str, change: &Value) -> Result<String, Value> {
    let house = House::new(false);
    let agent = json!({"agentName": "tennis", "foundationModel": "m", "instruction": "You answer people, one at a time, politely.",
        "agentResourceRoleArn": "arn:aws:iam::123456789012:role/AmazonBedrockExecutionRoleForAgents_x"});
    let group = json!({"actionGroupName": "group", "actionGroupExecutor": {"customControl": "RETURN_CONTROL"},
        "functionSchema": {"functions": [{"name": "book", "description": "Books"}]}});
    let put = async |target: String, body: &Value| -> Result<Value, Value> {
        let Told { status, body, .. } = house.told("PUT", &target, body.to_string().into()).await;
        if status < 300 { Ok(body) } else { Err(body) }
    };
    let changed = |name: &str, body: &Value| if operation == name { merged(body, change) } else { body.clone() };
    let made = put("/agents/".into(), &changed("CreateAgent", &agent)).await?;
    let target = format!("/agents/{}/", made["agent"]["agentId"].as_str().unwrap());
    if operation == "UpdateAgent" {
        put(target.clone(), &changed("UpdateAgent", &agent)).await?;
    }
    let groups = format!("{target}agentversions/DRAFT/actiongroups/");
    let made = put(groups.clone(), &changed("CreateAgentActionGroup", &group)).await?;
    if operation == "UpdateAgentActionGroup" {
        let id = made["agentActionGroup"]["actionGroupId"].as_str().unwrap();
        put(format!("{groups}{id}/"), &changed("UpdateAgentActionGroup", &group)).await?;
    }
    let Told { status, body, .. } = house.told("POST", &target, bytes::Bytes::new()).await;
    if status != 202 {
        return Err(body);
    }
    let documents = house.state.catalog.all("agent/").await.unwrap();
    Ok(documents[0].body["prepared"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_acts_changes_the_program() {
    for field in fields().iter().filter(|field| field.by.as_deref() == Some("program")) {
        let value: Value = serde_json::from_str(field.value.as_deref().unwrap()).unwrap();
        let other = match &field.other {
            Some(other) => serde_json::from_str(other).unwrap(),
            None => {
                let mut other = value.clone();
                forget(&mut other, &field.name);
                assert_ne!(other, value, "{}: the value does not have it", field.name);
                other
            }
        };
        for operation in &field.r#in {
            let with = prepared(operation, &value).await;
            assert!(with.is_ok(), "{operation} {}: {with:?}", field.name);
            assert_eq!(with, prepared(operation, &value).await, "the same agent is the same program");
            assert_ne!(with, prepared(operation, &other).await, "{operation} does not hear {}", field.name);
        }
    }
}

#[tokio::test]
async fn what_is_refused_is_named() {
    for field in fields().iter().filter(|field| field.class == Class::Refused) {
        let value: Value = serde_json::from_str(field.value.as_deref().unwrap()).unwrap();
        let first = field.name.split(['.', '[', '{']).next().unwrap();
        for operation in &field.r#in {
            let told = prepared(operation, &value).await.expect_err(&field.name);
            let named = told["fieldList"].as_array().into_iter().flatten();
            let mut names = named.filter_map(|one| one["name"].as_str());
            assert!(names.any(|name| name.contains(first)), "{operation} {}: {told}", field.name);
            let mut without = value.clone();
            forget(&mut without, &field.name);
            let fine = !field.name.starts_with("apiSchema");
            assert!(
                !fine || prepared(operation, &without).await.is_ok(),
                "{operation}: more than {} is wrong",
                field.name
            );
        }
    }
}

#[tokio::test]
async fn what_is_refused_comes_back() {
    let house = House::new(false);
    let refused = fields().into_iter().filter(|field| field.class == Class::Refused);
    for (number, field) in refused.enumerate() {
        let value: Value = serde_json::from_str(field.value.as_deref().unwrap()).unwrap();
        let (agent, group) = if field.r#in[0] == "CreateAgent" {
            (value, json!({}))
        } else {
            (json!({}), value)
        };
        let agent = merged(&json!({"agentName": format!("agent{number}")}), &agent);
        let told = house.told("PUT", "/agents/", agent.to_string().into()).await;
        let target = format!("/agents/{}/", told.body["agent"]["agentId"].as_str().unwrap());
        let got = house.told(GET, &target, bytes::Bytes::new()).await;
        crate::fields::check_agent(&agent, &got.body["agent"]);
        let groups = format!("{target}agentversions/DRAFT/actiongroups/");
        let group = merged(&json!({"actionGroupName": "group"}), &group);
        let told = house.told("PUT", &groups, group.to_string().into()).await;
        let id = told.body["agentActionGroup"]["actionGroupId"].as_str().unwrap();
        let got = house.told(GET, &format!("{groups}{id}/"), bytes::Bytes::new()).await;
        let sent = merged(&group, &json!({"functionSchema": null}));
        crate::control::holds("the action group", &sent, &got.body["agentActionGroup"]);
    }
}

/// Aliases give back what they were told.
#[tokio::test]
async fn aliases() {
    let text = std::fs::read_to_string(folder().join("tests/cases/fields.yaml")).unwrap();
    let sent: Value = serde_saphyr::from_str(&text).unwrap();
    let house = House::new(false);
    let agent = json!({"agentName": "tennis", "foundationModel": "m", "instruction": "You book tennis courts for people who ask you."});
    let made = house.told("PUT", "/agents/", agent.to_string().into()).await;
    let target = format!("/agents/{}/", made.body["agent"]["agentId"].as_str().unwrap());
    assert_eq!(house.told("POST", &target, bytes::Bytes::new()).await.status, 202);
    let aliases = format!("{target}agentaliases/");
    house
        .told("PUT", &aliases, json!({"agentAliasName": "first"}).to_string().into())
        .await;
    let mut place = aliases.clone();
    for body in [&sent["create_alias"], &sent["update_alias"]] {
        let told = house.told("PUT", &place, body.to_string().into()).await;
        assert_eq!(told.status, 202, "{told:?}");
        let id = told.body["agentAlias"]["agentAliasId"].as_str().unwrap();
        place = format!("{aliases}{id}/");
        let mut wanted = body.clone();
        wanted.as_object_mut().unwrap().remove("tags");
        crate::control::holds("the answer", &wanted, &told.body["agentAlias"]);
        let got = house.told(GET, &place, bytes::Bytes::new()).await;
        crate::control::holds("GetAgentAlias", &wanted, &got.body["agentAlias"]);
    }
}
