//! Every member of the creating and updating requests comes back, at once and when it is asked for again.

use std::collections::BTreeSet;
use std::path::Path;

use bedplate_wire::{Bound, Kind, Place, Schema};
use bedplate_wire_bedrock_agent::types::{
    CreateAgentActionGroupRequest, CreateAgentRequest, UpdateAgentActionGroupRequest, UpdateAgentRequest,
};
use serde_json::{Value, json};

use crate::control::holds;
use crate::house::House;

fn file() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/fields.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// The members of a request's body.
fn members(schema: &'static Schema) -> BTreeSet<&'static str> {
    let Kind::Structure(members) = &schema.kind else {
        panic!("requests are structures")
    };
    members
        .iter()
        .filter(|member| member.place == Place::Body)
        .map(|member| member.name)
        .collect()
}

fn names<'a>(bodies: impl IntoIterator<Item = &'a Value>) -> BTreeSet<&'a str> {
    bodies
        .into_iter()
        .flat_map(|body| body.as_object().unwrap().keys().map(String::as_str))
        .collect()
}

/// What of a request's body must stand in the answer: tags have an operation of their own, the signature another name.
fn echoed(body: &Value) -> Value {
    let mut body = body.clone();
    let members = body.as_object_mut().unwrap();
    members.remove("tags");
    if let Some(signature) = members.remove("parentActionGroupSignature") {
        members.insert("parentActionSignature".into(), signature);
    }
    body
}

async fn ok(house: &House, method: &str, target: &str, body: &Value) -> Value {
    let told = house.told(method, target, body.to_string().into()).await;
    assert!(told.status < 300, "{method} {target}: {told:?}");
    told.body
}

async fn get(house: &House, target: &str) -> Value {
    let told = house.told("GET", target, bytes::Bytes::new()).await;
    assert_eq!(told.status, 200, "{target}: {told:?}");
    told.body
}

/// GetAgent completes the prompts by defaults: the given ones are looked up by their type.
pub(crate) fn check_agent(given: &Value, got: &Value) {
    let mut wanted = echoed(given);
    let overrides = wanted.as_object_mut().unwrap().remove("promptOverrideConfiguration");
    holds("the agent", &wanted, got);
    let Some(overrides) = overrides else { return };
    let found = &got["promptOverrideConfiguration"];
    assert_eq!(overrides.get("overrideLambda"), found.get("overrideLambda"));
    for one in overrides["promptConfigurations"].as_array().unwrap() {
        let mut all = found["promptConfigurations"].as_array().unwrap().iter();
        let other = all.find(|other| other["promptType"] == one["promptType"]).unwrap();
        holds("the prompt", one, other);
    }
}

#[tokio::test]
async fn agents() {
    let (file, house) = (file(), House::new(false));
    let (create, update) = (&file["create_agent"], &file["update_agent"]);
    assert_eq!(names([create]), members(CreateAgentRequest::schema()));
    assert_eq!(names([update]), members(UpdateAgentRequest::schema()));
    let made = ok(&house, "PUT", "/agents/", create).await;
    holds("CreateAgent", &echoed(create), &made["agent"]);
    let id = made["agent"]["agentId"].as_str().unwrap();
    let target = format!("/agents/{id}/");
    check_agent(create, &get(&house, &target).await["agent"]);
    let changed = ok(&house, "PUT", &target, update).await;
    holds("UpdateAgent", &echoed(update), &changed["agent"]);
    let after = get(&house, &target).await;
    check_agent(update, &after["agent"]);
    // The token of the creation and its time stay.
    for name in ["clientToken", "createdAt", "agentId", "agentArn"] {
        assert_eq!(made["agent"][name], after["agent"][name], "{name}");
    }
    // What an update leaves out is cleared.
    let least = json!({"agentName": "a", "foundationModel": "m", "agentResourceRoleArn": update["agentResourceRoleArn"]});
    ok(&house, "PUT", &target, &least).await;
    let cleared = get(&house, &target).await;
    let (kept, cleared) = (["agentName", "foundationModel", "agentResourceRoleArn"], &cleared["agent"]);
    let optional = names([update]).into_iter().filter(|name| !kept.contains(name));
    for name in optional {
        match name {
            "orchestrationType" => assert_eq!(cleared[name], "DEFAULT"),
            "agentCollaboration" => assert_eq!(cleared[name], "DISABLED"),
            "idleSessionTTLInSeconds" => assert_eq!(cleared[name], 600),
            "promptOverrideConfiguration" => assert_eq!(cleared[name].get("overrideLambda"), None),
            name => assert_eq!(cleared.get(name), None, "{name}"),
        }
    }
}

#[tokio::test]
async fn action_groups() {
    let (file, house) = (file(), House::new(false));
    let groups = file["action_groups"].as_array().unwrap();
    assert_eq!(names(groups), members(CreateAgentActionGroupRequest::schema()));
    let mut updated = members(UpdateAgentActionGroupRequest::schema());
    updated.insert("clientToken");
    assert_eq!(names(groups), updated);
    let made = ok(&house, "PUT", "/agents/", &json!({"agentName": "tennis"})).await;
    let prefix = format!(
        "/agents/{}/agentversions/DRAFT/actiongroups/",
        made["agent"]["agentId"].as_str().unwrap()
    );
    let mut ids = Vec::new();
    for group in groups {
        let made = ok(&house, "PUT", &prefix, group).await;
        holds("CreateAgentActionGroup", &echoed(group), &made["agentActionGroup"]);
        let id = made["agentActionGroup"]["actionGroupId"].as_str().unwrap().to_owned();
        let got = get(&house, &format!("{prefix}{id}/")).await;
        holds("GetAgentActionGroup", &echoed(group), &got["agentActionGroup"]);
        ids.push(id);
    }
    // Each becomes what the next one was: everything is replaced.
    for (index, id) in ids.iter().enumerate() {
        let mut next = groups[(index + 1) % groups.len()].clone();
        next["actionGroupName"] = json!(format!("renamed{index}"));
        next.as_object_mut().unwrap().remove("clientToken");
        let target = format!("{prefix}{id}/");
        let changed = ok(&house, "PUT", &target, &next).await;
        holds("UpdateAgentActionGroup", &echoed(&next), &changed["agentActionGroup"]);
        let got = get(&house, &target).await;
        let wanted = echoed(&next);
        holds("GetAgentActionGroup", &wanted, &got["agentActionGroup"]);
        for name in [
            "description",
            "apiSchema",
            "functionSchema",
            "actionGroupExecutor",
            "parentActionSignature",
        ] {
            assert_eq!(wanted.get(name).is_some(), got["agentActionGroup"].get(name).is_some(), "{name}");
        }
    }
}
