//! Applies a template: the same operations that any client would call, in the order of their dependencies.
//!
//! What was applied is remembered by content, so that applying again changes only what has changed.

use std::time::Duration;

use bedplate_api_agents::control::{action_groups, agents, aliases};
use bedplate_api_lambda::{NamedCode, NamedFunction, NamedLayer};
use bedplate_base::{Error, Kind, Place, Result, sha256};
use bedplate_catalog::{Change, key};
use bedplate_template::{Agent, AgentAlias, Code, Function, Resource, Stack};
use bedplate_wire::{Call, Context, Json as _};
use bedplate_wire_bedrock_agent::ops;
use bedplate_wire_bedrock_agent::types::{
    DeleteAgentActionGroupRequest, DeleteAgentAliasRequest, DeleteAgentRequest, GetAgentAliasRequest, GetAgentRequest,
    ListAgentActionGroupsRequest, PrepareAgentRequest,
};
use serde_json::{Map, Value, json};

use crate::app::App;

/// What one resource came to.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    /// `agent`, `alias`, `function`.
    pub(crate) kind: &'static str,
    /// Its name.
    pub(crate) name: String,
    /// Its id or ARN.
    pub(crate) id: String,
    /// For people: `PREPARED in 0.2 s`, `-> 1`.
    pub(crate) note: String,
    /// Whether this run changed it.
    pub(crate) changed: bool,
}

/// Applies `stack`. What worked before a failure stays.
///
/// # Errors
/// With the logical id of the resource that failed.
pub(crate) async fn apply(app: &App, stack: &Stack, place: &Place) -> Result<Vec<Applied>> {
    let context = Context {
        request_id: "template".into(),
        place: place.clone(),
        ..Context::default()
    };
    let mut out = Vec::new();
    for resource in stack.in_order() {
        let (id, applied) = match resource {
            Resource::Function(function) => (&function.logical_id, apply_function(app, place, function).await),
            Resource::Agent(agent) => (&agent.logical_id, apply_agent(app, &context, stack, agent).await),
            Resource::AgentAlias(alias) => (&alias.logical_id, apply_alias(app, &context, stack, alias).await),
        };
        out.push(applied.map_err(|error| Error {
            message: format!("{id}: {}", error.message),
            ..error
        })?);
    }
    forget(app, &context, stack).await?;
    Ok(out)
}

async fn apply_function(app: &App, place: &Place, function: &Function) -> Result<Applied> {
    let layers = function.layers.iter().map(|layer| NamedLayer {
        arn: layer.arn.clone(),
        code: layer.code.as_ref().map(code),
    });
    let given = NamedFunction {
        name: function.name.clone(),
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        code: code(&function.code),
        layers: layers.collect(),
        environment: function.environment.clone(),
        timeout_s: function.timeout_s,
        memory_mb: function.memory_mb,
        description: function.description.clone(),
        tags: function.tags.clone(),
    };
    let arn = bedplate_api_lambda::apply(&app.lambda, place, given).await?;
    let note = match &function.code {
        Code::Folder(_) => format!("{}, local", function.runtime),
        Code::Object { bucket, .. } => format!("{}, from bucket {bucket}", function.runtime),
    };
    Ok(Applied {
        kind: "function",
        name: function.name.clone(),
        id: arn.to_string(),
        note,
        changed: false,
    })
}

fn code(code: &Code) -> NamedCode {
    match code {
        Code::Folder(folder) => NamedCode::Folder(folder.clone()),
        Code::Object { bucket, key } => NamedCode::Object {
            bucket: bucket.clone(),
            key: key.clone(),
        },
    }
}

async fn apply_agent(app: &App, context: &Context, stack: &Stack, agent: &Agent) -> Result<Applied> {
    if !agent.knowledge_bases.is_empty() || !agent.collaborators.is_empty() {
        return Err(Error::new(
            Kind::NotImplemented,
            "KnowledgeBases and AgentCollaborators are not implemented by this version of Bedplate; remove them to run the agent",
        ));
    }
    let state = &app.agents;
    let started = app.clock.now();
    let remembered = remembered_key(&context.place, stack, "agent", &agent.id);
    let content = json!({"create": agent.create, "groups": agent.action_groups});
    let hash = sha256(content.to_string().as_bytes()).to_string();
    let get = GetAgentRequest {
        agent_id: agent.id.clone(),
    };
    let exists = match agents::get(state, context, get).await {
        Ok(_) => true,
        Err(error) if error.kind == Kind::NotFound => false,
        Err(error) => return Err(error),
    };
    let before = state.catalog.get(&remembered).await?;
    let mut applied = Applied {
        kind: "agent",
        name: agent.name.clone(),
        id: agent.id.clone(),
        note: "PREPARED".into(),
        changed: false,
    };
    if exists && before.as_ref().and_then(|before| before.body["hash"].as_str()) == Some(&hash) {
        return Ok(applied);
    }
    if exists {
        let mut body = agent.create.clone();
        body.insert("agentId".into(), json!(agent.id));
        let role = "arn:aws:iam::000000000000:role/bedplate-template";
        body.entry("agentResourceRoleArn").or_insert_with(|| json!(role));
        body.entry("foundationModel").or_insert_with(|| json!(""));
        agents::update(state, context, read::<ops::UpdateAgent>(body)?).await?;
    } else {
        agents::create_as(state, context, read::<ops::CreateAgent>(agent.create.clone())?, Some(&agent.id)).await?;
    }
    apply_groups(app, context, agent).await?;
    agents::prepare(
        state,
        context,
        PrepareAgentRequest {
            agent_id: agent.id.clone(),
        },
    )
    .await?;
    state
        .catalog
        .commit(Change::new().put(remembered, &json!({"hash": hash, "kind": "agent", "id": agent.id})))
        .await?;
    let took = app.clock.now().since(started);
    applied.note = format!("PREPARED in {}", seconds(took));
    applied.changed = true;
    Ok(applied)
}

/// Makes the DRAFT's action groups those of the template.
async fn apply_groups(app: &App, context: &Context, agent: &Agent) -> Result<()> {
    let state = &app.agents;
    let list = ListAgentActionGroupsRequest {
        agent_id: agent.id.clone(),
        agent_version: "DRAFT".into(),
        max_results: Some(1000),
        next_token: None,
    };
    let mut there = action_groups::list(state, context, list).await?.action_group_summaries;
    for group in &agent.action_groups {
        let mut body = group.clone();
        body.insert("agentId".into(), json!(agent.id));
        body.insert("agentVersion".into(), json!("DRAFT"));
        let name = body.get("actionGroupName").and_then(Value::as_str).unwrap_or_default().to_owned();
        match there.iter().position(|one| one.action_group_name == name) {
            Some(index) => {
                body.insert("actionGroupId".into(), json!(there.remove(index).action_group_id));
                action_groups::update(state, context, read::<ops::UpdateAgentActionGroup>(body)?).await?;
            }
            None => {
                action_groups::create(state, context, read::<ops::CreateAgentActionGroup>(body)?).await?;
            }
        }
    }
    for extra in there {
        let delete = DeleteAgentActionGroupRequest {
            agent_id: agent.id.clone(),
            agent_version: "DRAFT".into(),
            action_group_id: extra.action_group_id,
            skip_resource_in_use_check: Some(true),
        };
        action_groups::delete(state, context, delete).await?;
    }
    Ok(())
}

/// An alias without routing follows its agent: when that is not what the alias was made for, a version is cut and the alias
/// points at it. What it was made for is remembered for each alias, so that an application that ended halfway is made up for.
async fn apply_alias(app: &App, context: &Context, stack: &Stack, alias: &AgentAlias) -> Result<Applied> {
    let state = &app.agents;
    let get = GetAgentAliasRequest {
        agent_id: alias.agent_id.clone(),
        agent_alias_id: alias.id.clone(),
    };
    let mut body = alias.create.clone();
    body.insert("agentId".into(), json!(alias.agent_id));
    let hash = async |kind, id: &str| -> Result<Option<Value>> {
        let found = state.catalog.get(&remembered_key(&context.place, stack, kind, id)).await?;
        Ok(found.map(|found| found.body["hash"].clone()))
    };
    let agent = hash("agent", &alias.agent_id).await?;
    let agent_changed = agent.is_some() && agent != hash("alias", &alias.id).await?;
    let mut changed = false;
    match aliases::get(state, context, get.clone()).await {
        Err(error) if error.kind == Kind::NotFound => {
            changed = true;
            aliases::create_as(state, context, read::<ops::CreateAgentAlias>(body)?, Some(&alias.id)).await?;
        }
        Err(error) => return Err(error),
        Ok(found) => {
            let before = found.agent_alias;
            let same_words = before.agent_alias_name == alias.name && before.description.as_deref() == text(&body, "description");
            let routed = body.get("routingConfiguration").is_some();
            if agent_changed || !same_words || routed {
                changed = true;
                body.insert("agentAliasId".into(), json!(alias.id));
                if !agent_changed && !routed {
                    body.insert("routingConfiguration".into(), before.to_json()["routingConfiguration"].clone());
                }
                aliases::update(state, context, read::<ops::UpdateAgentAlias>(body)?).await?;
            }
        }
    }
    if agent_changed && let Some(agent) = agent {
        let remembered = remembered_key(&context.place, stack, "alias", &alias.id);
        state.catalog.commit(Change::new().put(remembered, &json!({"hash": agent}))).await?;
    }
    let now = aliases::get(state, context, get).await?.agent_alias;
    let version = now
        .routing_configuration
        .first()
        .and_then(|route| route.agent_version.clone())
        .unwrap_or_default();
    Ok(Applied {
        kind: "alias",
        name: alias.name.clone(),
        id: alias.id.clone(),
        note: format!("-> {version}"),
        changed,
    })
}

/// Remembers what the template has, and deletes what it had and has no more.
async fn forget(app: &App, context: &Context, stack: &Stack) -> Result<()> {
    let state = &app.agents;
    let memory = remembered_key(&context.place, stack, "stack", "resources");
    let now: Vec<Value> = stack
        .agents
        .iter()
        .map(|agent| json!({"agent": agent.id}))
        .chain(
            stack
                .aliases
                .iter()
                .map(|alias| json!({"agent": alias.agent_id, "alias": alias.id})),
        )
        .collect();
    let before = state.catalog.get(&memory).await?.map(|found| found.body).unwrap_or_default();
    let gone: Vec<Value> = before
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| !now.contains(one))
        .cloned()
        .collect();
    let missing_is_fine = |result: Result<()>| match result {
        Err(error) if error.kind != Kind::NotFound => Err(error),
        _ => Ok(()),
    };
    // Aliases first: an agent with aliases is not deleted.
    for one in gone.iter().filter(|one| one.get("alias").is_some()) {
        let delete = DeleteAgentAliasRequest {
            agent_id: string(one, "agent"),
            agent_alias_id: string(one, "alias"),
        };
        let id = delete.agent_alias_id.clone();
        missing_is_fine(aliases::delete(state, context, delete).await.map(drop))?;
        let remembered = remembered_key(&context.place, stack, "alias", &id);
        state.catalog.commit(Change::new().delete(remembered)).await?;
    }
    for one in gone.iter().filter(|one| one.get("alias").is_none()) {
        let id = string(one, "agent");
        let delete = DeleteAgentRequest {
            agent_id: id.clone(),
            skip_resource_in_use_check: None,
        };
        missing_is_fine(agents::delete(state, context, delete).await.map(drop))?;
        state
            .catalog
            .commit(Change::new().delete(remembered_key(&context.place, stack, "agent", &id)))
            .await?;
    }
    state.catalog.commit(Change::new().put(memory, &Value::Array(now))).await
}

fn remembered_key(place: &Place, stack: &Stack, kind: &str, id: &str) -> String {
    key(&["template", &place.account, &place.region, &stack.name, kind, id])
}

/// A body as its operation would read and check it.
fn read<O: Call>(body: Map<String, Value>) -> Result<O::Input> {
    bedplate_wire::read_value::<O>(&Value::Object(body), false)
}

fn string(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str)
}

/// `0.2 s`, `12 ms`.
fn seconds(took: Duration) -> String {
    if took < Duration::from_millis(100) {
        format!("{} ms", took.as_millis())
    } else {
        format!("{:.1} s", took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bedplate_providers::Mode;
    use bedplate_store::MemoryStore;

    use super::*;
    use crate::app::Parts;
    use crate::config::Config;

    fn stack(folder: &std::path::Path, instruction: &str) -> Stack {
        let template = folder.join("template.yaml");
        let text = format!(
            "Resources:\n  Desk:\n    Type: AWS::Bedrock::Agent\n    Properties:\n      AgentName: desk\n      FoundationModel: m\n      \
             Instruction: {instruction}\n  Live:\n    Type: AWS::Bedrock::AgentAlias\n    Properties:\n      AgentAliasName: live\n      \
             AgentId: !Ref Desk\n"
        );
        std::fs::write(&template, text).expect("written");
        bedplate_template::read(&template, &Default::default()).expect("a good template")
    }

    #[tokio::test]
    async fn an_application_that_ended_halfway_is_made_up_for() {
        let folder = std::env::temp_dir().join(format!("bedplate-apply-{}", bedplate_base::random_id(8)));
        std::fs::create_dir_all(&folder).expect("made");
        let config = Config::default();
        let parts = Parts {
            store: Arc::new(MemoryStore::default()),
            clock: crate::clock::SystemClock::default(),
            handler_keys: Default::default(),
            upstream: None,
            board: Arc::default(),
            folder: &folder,
            config: &config,
            mode: Mode::Dev,
            strict: false,
            announce: Arc::new(|_, _| {}),
        };
        let app = App::start(parts, "http://127.0.0.1:1").await.expect("starts");
        let place = Place::default();
        let note = async |stack: &Stack| apply(&app, stack, &place).await.expect("applied").pop().map(|alias| alias.note);

        let first = stack(&folder, "You answer people who call the desk of a club.");
        assert_eq!(note(&first).await.as_deref(), Some("-> 1"));
        assert_eq!(note(&first).await.as_deref(), Some("-> 1"), "nothing has changed");

        let second = stack(&folder, "You answer people who write to the desk of a club.");
        let context = Context {
            place: place.clone(),
            ..Context::default()
        };
        let agent = apply_agent(&app, &context, &second, &second.agents[0]).await.expect("applied");
        assert!(agent.changed);
        // Here the process ended; the next one finds the agent as it should be.
        assert_eq!(note(&second).await.as_deref(), Some("-> 2"));
        assert_eq!(note(&second).await.as_deref(), Some("-> 2"));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
