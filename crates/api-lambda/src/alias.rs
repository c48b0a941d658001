//! Aliases of functions: names that lead to a version, or share invokes out over two.

use std::collections::BTreeMap;

use bedplate_catalog::Change;
use bedplate_lambda::{Alias, LATEST};
use bedplate_store::CommitError;
use bedplate_wire::{Context, Empty, Fault, Json};
use bedplate_wire_lambda::types::{
    AliasConfiguration, AliasRoutingConfiguration, CreateAliasRequest, DeleteAliasRequest, GetAliasRequest, ListAliasesRequest,
    ListAliasesResponse, UpdateAliasRequest,
};

use crate::State;
use crate::fault::{exception, invalid, not_found};
use crate::name::Name;
use crate::permission::check_revision;
use crate::version::targets;

/// Aliases on a page at most (Lambda API reference, ListAliases).
const PAGE_MAX: i32 = 50;

/// A new alias.
pub(crate) async fn create(state: &State, context: &Context, input: CreateAliasRequest) -> Result<AliasConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let _writing = state.writing.lock().await;
    state.find(&name).await?;
    let alias = AliasConfiguration {
        alias_arn: Some(name.arn_of(&input.name)),
        name: Some(input.name.clone()),
        function_version: Some(input.function_version),
        description: Some(input.description.unwrap_or_default()),
        routing_config: routing(input.routing_config),
        revision_id: Some(bedplate_base::random_uuid()),
    };
    check(state, &name, &alias).await?;
    let change = Change::new().create(name.alias_key(&input.name), &alias.to_json());
    match state.catalog.try_commit(change).await {
        Err(CommitError::Conflict(_)) => {
            let message = format!("Alias already exists: {}", name.arn_of(&input.name));
            return Err(Fault::new("ResourceConflictException", message));
        }
        committed => committed.map_err(|error| exception(error.into()))?,
    }
    state.tell_aliases(&name).await?;
    Ok(alias)
}

/// One alias.
pub(crate) async fn get(state: &State, context: &Context, input: GetAliasRequest) -> Result<AliasConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    state.find(&name).await?;
    Ok(existing(state, &name, &input.name).await?.0)
}

/// Changes where an alias leads; what a request leaves out stays. Empty weights end the sharing.
pub(crate) async fn update(state: &State, context: &Context, input: UpdateAliasRequest) -> Result<AliasConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let _writing = state.writing.lock().await;
    state.find(&name).await?;
    let (mut alias, stored) = existing(state, &name, &input.name).await?;
    check_revision(input.revision_id.as_deref(), alias.revision_id.as_deref())?;
    alias.function_version = input.function_version.or(alias.function_version);
    alias.description = input.description.or(alias.description);
    if input.routing_config.is_some() {
        alias.routing_config = routing(input.routing_config);
    }
    alias.revision_id = Some(bedplate_base::random_uuid());
    check(state, &name, &alias).await?;
    let change = Change::new().replace(&stored, &alias.to_json());
    state.catalog.commit(change).await.map_err(exception)?;
    state.tell_aliases(&name).await?;
    Ok(alias)
}

/// Forgets an alias, if it is there, with its permissions.
pub(crate) async fn delete(state: &State, context: &Context, input: DeleteAliasRequest) -> Result<Empty, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let _writing = state.writing.lock().await;
    let (mut document, stored) = state.find(&name).await?;
    let arn = name.arn_of(&input.name);
    let mut change = Change::new()
        .delete(name.alias_key(&input.name))
        .delete(name.event_config_key_of(&input.name));
    let before = document.policy.len();
    document.policy.retain(|statement| statement["Resource"] != arn.as_str());
    if document.policy.len() < before {
        change = change.replace(&stored, &document.body());
    }
    state.catalog.commit(change).await.map_err(exception)?;
    state.tell_aliases(&name).await?;
    Ok(Empty)
}

/// Aliases by name, a page at a time; of one version when the request names it.
pub(crate) async fn list(state: &State, context: &Context, input: ListAliasesRequest) -> Result<ListAliasesResponse, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    state.find(&name).await?;
    let limit = usize::try_from(input.max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let page = state.catalog.list(&name.aliases(), limit, marker).await.map_err(exception)?;
    let mut aliases = Vec::new();
    for stored in &page.documents {
        let alias = read_alias(stored)?;
        if input
            .function_version
            .as_deref()
            .is_none_or(|wanted| targets(&alias).any(|version| version == wanted))
        {
            aliases.push(alias);
        }
    }
    Ok(ListAliasesResponse {
        aliases: Some(aliases),
        next_marker: page.next_token,
    })
}

/// A stored alias.
pub(crate) fn read_alias(stored: &bedplate_catalog::Document) -> Result<AliasConfiguration, Fault> {
    AliasConfiguration::from_json(&stored.body).map_err(|error| {
        let damaged = bedplate_base::Error::internal(format!("The stored alias {} is damaged", stored.key));
        exception(damaged.with_source(error.to_string()))
    })
}

async fn existing(state: &State, name: &Name, alias: &str) -> Result<(AliasConfiguration, bedplate_catalog::Document), Fault> {
    let stored = state.catalog.get(&name.alias_key(alias)).await.map_err(exception)?;
    let missing = || {
        let message = format!("Cannot find alias arn: {}", name.arn_of(alias));
        Fault::new("ResourceNotFoundException", message)
    };
    let stored = stored.ok_or_else(missing)?;
    Ok((read_alias(&stored)?, stored))
}

/// Empty weights are none.
fn routing(given: Option<AliasRoutingConfiguration>) -> Option<AliasRoutingConfiguration> {
    given.filter(|routing| {
        routing
            .additional_version_weights
            .as_ref()
            .is_some_and(|weights| !weights.is_empty())
    })
}

/// Whether every version that it leads to is there, and the weights make sense.
async fn check(state: &State, name: &Name, alias: &AliasConfiguration) -> Result<(), Fault> {
    let weights = alias
        .routing_config
        .as_ref()
        .and_then(|routing| routing.additional_version_weights.as_ref());
    if let Some(weights) = weights {
        if weights.len() > 1 {
            return Err(invalid("Number of items in AdditionalVersionWeights cannot be greater than 1"));
        }
        if targets(alias).any(|version| version == LATEST) {
            return Err(invalid(format!(
                "{LATEST} is not supported for an alias pointing to more than 1 version"
            )));
        }
        let own = alias.function_version.as_deref().unwrap_or_default();
        if weights.contains_key(own) {
            return Err(invalid(format!(
                "Invalid function version {own}. Function version {own} is already included in routing configuration."
            )));
        }
    }
    for version in targets(alias).filter(|version| *version != LATEST) {
        let number = version.parse().map_err(|_| not_found(&name.arn_of(version)))?;
        if state.catalog.get(&name.version_key(number)).await.map_err(exception)?.is_none() {
            return Err(not_found(&name.arn_of(version)));
        }
    }
    Ok(())
}

impl State {
    /// Tells the host where the aliases of a function lead now.
    pub(crate) async fn tell_aliases(&self, name: &Name) -> Result<(), Fault> {
        let mut aliases = BTreeMap::new();
        for stored in self.catalog.all(&name.aliases()).await.map_err(exception)? {
            let alias = read_alias(&stored)?;
            let weights = alias.routing_config.and_then(|routing| routing.additional_version_weights);
            let target = Alias {
                version: alias.function_version.unwrap_or_default(),
                others: weights.unwrap_or_default().into_iter().collect(),
            };
            aliases.insert(alias.name.unwrap_or_default(), target);
        }
        self.host.set_aliases(&name.arn, aliases);
        Ok(())
    }
}
