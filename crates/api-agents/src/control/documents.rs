//! How agents and what belongs to them are stored, and how a change that lost a race is tried again.

use bedplate_base::{Error, Hash, Kind, Place, Result};
use bedplate_catalog::{Catalog, Change, Document, key};
use bedplate_store::CommitError;
use bedplate_wire::Json as _;
use bedplate_wire_bedrock_agent::types::{Agent, AgentActionGroup, AgentAlias, AgentVersion};
use serde_json::{Value, json};

/// The alias that every agent has: the last prepared DRAFT.
pub(crate) const TEST_ALIAS_ID: &str = "TSTALIASID";
/// Its name.
pub(crate) const TEST_ALIAS_NAME: &str = "AgentTestAlias";
/// The version that can be edited.
pub(crate) const DRAFT: &str = "DRAFT";
/// Entries of a page when the request names no number. The service's own default is not known; a large page serves clients
/// that do not turn pages.
const PAGE: usize = 100;
/// The same with `--strict`: assumed.
const PAGE_STRICT: usize = 10;
/// How often a change that lost a race is tried.
const TRIES: usize = 32;

/// An agent as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// What the user said and what became of it.
    pub agent: Agent,
    /// The program of the last PrepareAgent.
    pub prepared: Option<Hash>,
    /// The last numbered version that was cut; 0 for none.
    pub last_version: u64,
    document: Document,
}

/// Why a change was not made.
pub(crate) enum Retry {
    /// Somebody else wrote first: read again and try again.
    Lost,
    /// It cannot be made.
    Failed(Error),
}

impl From<Error> for Retry {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<CommitError> for Retry {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(_) => Self::Lost,
            other => Self::Failed(other.into()),
        }
    }
}

/// Runs a read-and-write until nobody else writes in between.
pub(crate) async fn retry<T, F>(mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, Retry>>,
{
    for _ in 0..TRIES {
        match attempt().await {
            Ok(done) => return Ok(done),
            Err(Retry::Failed(error)) => return Err(error),
            Err(Retry::Lost) => {}
        }
    }
    Err(Error::new(
        Kind::Throttled,
        "The resource is being changed by many requests at the same time. Try again.",
    ))
}

impl Stored {
    /// A new agent.
    pub(crate) fn new(agent: Agent, place: &Place) -> Self {
        let document = Document {
            key: agent_key(place, &agent.agent_id),
            version: 0,
            body: Value::Null,
        };
        Self {
            agent,
            prepared: None,
            last_version: 0,
            document,
        }
    }

    /// Reads an agent.
    ///
    /// # Errors
    /// `NotFound` when there is none of this id.
    pub(crate) async fn load(catalog: &Catalog, place: &Place, id: &str) -> Result<Self> {
        let document = catalog.get(&agent_key(place, id)).await?.ok_or_else(not_found)?;
        Self::of(document)
    }

    pub(crate) fn of(document: Document) -> Result<Self> {
        let agent = Agent::from_json(&document.body["agent"]).map_err(|error| damaged(&document.key, error))?;
        let prepared = document.body["prepared"].as_str().and_then(Hash::parse);
        let last_version = document.body["lastVersion"].as_u64().unwrap_or(0);
        Ok(Self {
            agent,
            prepared,
            last_version,
            document,
        })
    }

    fn body(&self) -> Value {
        json!({
            "agent": self.agent.to_json(),
            "prepared": self.prepared.map(|hash| hash.to_string()),
            "lastVersion": self.last_version,
        })
    }

    /// The write that creates it.
    pub(crate) fn created(&self) -> Change {
        Change::new().create(self.document.key.clone(), &self.body())
    }

    /// The write that replaces what was read.
    pub(crate) fn saved(&self) -> Change {
        Change::new().replace(&self.document, &self.body())
    }

    /// Its key.
    pub(crate) fn key(&self) -> &str {
        &self.document.key
    }
}

fn place_key(kind: &str, place: &Place) -> String {
    format!("{}/", key(&[kind, &place.account, &place.region]))
}

/// Prefix of all agents of a place.
pub(crate) fn agents_prefix(place: &Place) -> String {
    place_key("agent", place)
}

pub(crate) fn agent_key(place: &Place, id: &str) -> String {
    format!("{}{}", agents_prefix(place), key(&[id]))
}

/// Prefix of the names of all agents of a place: one small row an agent.
pub(crate) fn agent_names_prefix(place: &Place) -> String {
    place_key("agent-name", place)
}

pub(crate) fn agent_name_key(place: &Place, name: &str) -> String {
    format!("{}{}", agent_names_prefix(place), key(&[name]))
}

/// Prefix of an agent's things of one kind: `agent-alias`, `agent-version`, `action-group`, and their names.
pub(crate) fn of_agent(kind: &str, place: &Place, agent: &str) -> String {
    format!("{}{}/", place_key(kind, place), key(&[agent]))
}

pub(crate) fn action_groups_prefix(place: &Place, agent: &str, version: &str) -> String {
    format!("{}{}/", of_agent("action-group", place, agent), key(&[version]))
}

pub(crate) fn action_group_key(place: &Place, agent: &str, version: &str, id: &str) -> String {
    format!("{}{}", action_groups_prefix(place, agent, version), key(&[id]))
}

pub(crate) fn alias_key(place: &Place, agent: &str, id: &str) -> String {
    format!("{}{}", of_agent("agent-alias", place, agent), key(&[id]))
}

/// Versions are listed in order, so their numbers are padded.
pub(crate) fn version_key(place: &Place, agent: &str, version: &str) -> String {
    format!("{}{version:0>8}", of_agent("agent-version", place, agent))
}

/// The names of aliases and action groups are unique within their agent.
pub(crate) fn name_key(kind: &str, place: &Place, agent: &str, name: &str) -> String {
    format!("{}{}", of_agent(kind, place, agent), key(&[name]))
}

pub(crate) fn action_group(document: &Document) -> Result<AgentActionGroup> {
    AgentActionGroup::from_json(&document.body).map_err(|error| damaged(&document.key, error))
}

pub(crate) fn alias(document: &Document) -> Result<AgentAlias> {
    AgentAlias::from_json(&document.body).map_err(|error| damaged(&document.key, error))
}

/// A version and its program.
pub(crate) fn version(document: &Document) -> Result<(AgentVersion, Option<Hash>)> {
    let version = AgentVersion::from_json(&document.body["version"]).map_err(|error| damaged(&document.key, error))?;
    Ok((version, document.body["prepared"].as_str().and_then(Hash::parse)))
}

fn damaged(key: &str, error: bedplate_wire::ReadError) -> Error {
    Error::internal(format!("The stored document {key} is damaged.")).with_source(error)
}

/// The service's words for whatever is not there.
pub(crate) fn not_found() -> Error {
    Error::not_found("Failed to retrieve resource because it doesn't exist. Retry the request with a different resource identifier")
}

/// Entries of a page.
pub(crate) fn page(max_results: Option<i32>, strict: bool) -> usize {
    let asked = max_results.and_then(|number| usize::try_from(number).ok());
    asked.unwrap_or(if strict { PAGE_STRICT } else { PAGE })
}
