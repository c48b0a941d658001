//! What exists, over all places: for doors that people look through. The public API lists one place at a time.

use bedplate_base::{Place, Result, Timestamp};
use bedplate_store::Page;

use crate::State;
use crate::control::documents::{Stored, TEST_ALIAS_ID, TEST_ALIAS_NAME, agent_key, alias, alias_key, of_agent};

/// Agents that are listed at most. Ours: twenty places with AWS's default quota of agents each would fit.
pub const AGENTS_MAX: usize = 20_000;
/// Rows of one read.
const ROWS: usize = 500;

/// An agent and its aliases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentEntry {
    /// Account and region.
    pub place: Place,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `PREPARED`, `NOT_PREPARED`, …
    pub status: &'static str,
    /// The model that the user asked for.
    pub model: Option<String>,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Its aliases in the order of their ids; the test alias is the last.
    pub aliases: Vec<AliasEntry>,
}

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The version that it points at.
    pub version: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// All agents in the order of account, region and id; those named or numbered `wanted` when it is given.
///
/// # Errors
/// The store cannot be read or a document is damaged.
pub async fn agents(state: &State, wanted: Option<&str>) -> Result<Vec<AgentEntry>> {
    let store = state.catalog.store();
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < AGENTS_MAX {
        let page = Page {
            after: after.take(),
            limit: ROWS,
            backwards: false,
        };
        let rows = store.resources("agent/", page).await?;
        let more = rows.len() == ROWS;
        after = rows.last().map(|row| row.key.clone());
        for row in rows {
            if let Some(entry) = entry(state, &row.key, wanted).await? {
                found.push(entry);
            }
        }
        if !more {
            break;
        }
    }
    Ok(found)
}

/// The names of an agent and of one of its aliases; none for what is gone: sessions outlive both.
///
/// # Errors
/// The store cannot be read or a document is damaged.
pub async fn names(state: &State, place: &Place, agent: &str, alias_id: &str) -> Result<(Option<String>, Option<String>)> {
    let agent_name = match state.catalog.get(&agent_key(place, agent)).await? {
        Some(document) => Some(Stored::of(document)?.agent.agent_name),
        None => None,
    };
    if alias_id == TEST_ALIAS_ID {
        return Ok((agent_name, Some(TEST_ALIAS_NAME.into())));
    }
    let alias_name = match state.catalog.get(&alias_key(place, agent, alias_id)).await? {
        Some(document) => Some(alias(&document)?.agent_alias_name),
        None => None,
    };
    Ok((agent_name, alias_name))
}

async fn entry(state: &State, key: &str, wanted: Option<&str>) -> Result<Option<AgentEntry>> {
    let mut segments = key.split('/').skip(1).map(str::to_owned);
    let (Some(account), Some(region)) = (segments.next(), segments.next()) else {
        return Ok(None);
    };
    let place = Place { account, region };
    let Some(document) = state.catalog.get(key).await? else {
        return Ok(None);
    };
    let agent = Stored::of(document)?.agent;
    if wanted.is_some_and(|wanted| wanted != agent.agent_id && wanted != agent.agent_name) {
        return Ok(None);
    }
    let mut aliases = Vec::new();
    for document in state.catalog.all(&of_agent("agent-alias", &place, &agent.agent_id)).await? {
        let alias = alias(&document)?;
        aliases.push(AliasEntry {
            version: alias.routing_configuration.first().and_then(|route| route.agent_version.clone()),
            id: alias.agent_alias_id,
            name: alias.agent_alias_name,
            created_at: alias.created_at,
        });
    }
    let test = AliasEntry {
        id: TEST_ALIAS_ID.into(),
        name: TEST_ALIAS_NAME.into(),
        version: Some("DRAFT".into()),
        created_at: agent.created_at,
    };
    aliases.push(test);
    Ok(Some(AgentEntry {
        place,
        id: agent.agent_id,
        name: agent.agent_name,
        status: agent.agent_status.as_str(),
        model: agent.foundation_model,
        updated_at: agent.updated_at,
        aliases,
    }))
}
