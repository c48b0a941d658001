//! From what a person types to an agent and an alias, through the admin door.

use serde::Deserialize;

use crate::client::{Client, escape};
use crate::failure::Failure;

/// The alias that every agent has.
const TEST_ALIAS_ID: &str = "TSTALIASID";
/// Names that a message lists.
const NAMES_SHOWN: usize = 10;

/// The answer of `/_bedplate/agents`.
#[derive(Debug, Deserialize)]
pub(crate) struct Agents {
    pub(crate) agents: Vec<Agent>,
    /// Region of requests that name none.
    #[serde(default)]
    region: String,
}

/// An agent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agent {
    pub(crate) agent_id: String,
    pub(crate) agent_name: String,
    #[serde(default)]
    account: String,
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) aliases: Vec<Alias>,
}

/// An alias.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alias {
    pub(crate) agent_alias_id: String,
    pub(crate) agent_alias_name: String,
    /// ISO 8601: sorts as text.
    #[serde(default)]
    pub(crate) created_at: String,
}

/// What a request is sent to.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    pub(crate) agent_id: String,
    pub(crate) alias_id: String,
    pub(crate) region: String,
    account: String,
}

impl Addressee {
    /// The execution id of a session with it, by which the server finds the session without a search.
    pub(crate) fn execution(&self, session: &str) -> String {
        let Self {
            agent_id,
            alias_id,
            region,
            account,
        } = self;
        format!("agent/{account}/{region}/{agent_id}/{alias_id}/{session}")
    }
}

/// Finds an agent by name or id and one of its aliases: the one that is named, else the newest, else the test alias.
pub(crate) async fn find(client: &Client, agent: &str, alias: Option<&str>, region: Option<&str>) -> Result<Addressee, Failure> {
    let found = find_agent(client, agent, region).await?;
    let alias_id = match alias {
        Some(wanted) => named_alias(&found, wanted)?,
        None => {
            let made = found.aliases.iter().filter(|alias| alias.agent_alias_id != TEST_ALIAS_ID);
            made.max_by(|a, b| a.created_at.cmp(&b.created_at))
                .map_or(TEST_ALIAS_ID, |alias| &alias.agent_alias_id)
                .to_owned()
        }
    };
    Ok(Addressee {
        agent_id: found.agent_id,
        alias_id,
        region: found.region,
        account: found.account,
    })
}

/// Splits `NAME@ALIAS`.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('@') {
        Some((agent, alias)) => (agent, Some(alias)),
        None => (text, None),
    }
}

/// Finds an agent by name or id; of several in different regions that of `region`, else that of the server's own region.
pub(crate) async fn find_agent(client: &Client, wanted: &str, region: Option<&str>) -> Result<Agent, Failure> {
    let found: Agents = agents(client, Some(wanted)).await?;
    let here = region.unwrap_or(&found.region);
    let fits = found.agents.iter().find(|agent| agent.region == here);
    match (fits, found.agents.as_slice()) {
        (Some(agent), _) => Ok(agent.clone()),
        (None, [agent]) => Ok(agent.clone()),
        (None, []) => Err(unknown(wanted, &agents(client, None).await?)),
        (None, several) => {
            let regions: Vec<&str> = several.iter().map(|agent| agent.region.as_str()).collect();
            let told = format!("several agents are called {wanted}, in the regions {}", regions.join(", "));
            Err(Failure::new(told).hint("set AWS_REGION to one of them"))
        }
    }
}

/// Agents, all of them or those of a name or id.
pub(crate) async fn agents(client: &Client, name: Option<&str>) -> Result<Agents, Failure> {
    let query = name.map(|name| format!("?agent={}", escape(name))).unwrap_or_default();
    let answer = client.json(&format!("/_bedplate/agents{query}")).await?;
    serde_json::from_value(answer).map_err(|error| Failure::new(format!("the server's list of agents cannot be read: {error}")))
}

fn named_alias(agent: &Agent, wanted: &str) -> Result<String, Failure> {
    let found = agent
        .aliases
        .iter()
        .find(|alias| alias.agent_alias_id == wanted || alias.agent_alias_name == wanted);
    found.map(|alias| alias.agent_alias_id.clone()).ok_or_else(|| {
        let names = agent.aliases.iter().map(|alias| alias.agent_alias_name.as_str());
        Failure::new(format!("agent {} has no alias {wanted}", agent.agent_name)).hint(format!("its aliases: {}", list(names)))
    })
}

fn unknown(wanted: &str, all: &Agents) -> Failure {
    let failure = Failure::new(format!("there is no agent {wanted}"));
    if all.agents.is_empty() {
        return failure.hint("this server has no agents yet; `bedplate dev --example tennis` brings one, CreateAgent makes one");
    }
    failure.hint(format!(
        "agents of this server: {}",
        list(all.agents.iter().map(|agent| agent.agent_name.as_str()))
    ))
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    names.truncate(NAMES_SHOWN);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    if names.is_empty() {
        "none".to_owned()
    } else {
        format!("{}{rest}", names.join(", "))
    }
}
