//! Published versions: copies of a function that never change. PublishVersion, ListVersionsByFunction, and what a qualifier means.

use bedplate_base::sha256;
use bedplate_catalog::Change;
use bedplate_lambda::LATEST;
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    AliasConfiguration, FunctionConfiguration, ListVersionsByFunctionRequest, ListVersionsByFunctionResponse, PublishVersionRequest,
};
use serde_json::json;

use crate::State;
use crate::alias::read_alias;
use crate::configuration::touch;
use crate::document::Document;
use crate::fault::{exception, invalid, lacking, not_found};
use crate::name::Name;
use crate::permission::check_revision;

/// Versions on a page at most (Lambda API reference, ListVersionsByFunction).
const PAGE_MAX: i32 = 50;

/// Makes a version of what `$LATEST` is now. Nothing new is made when nothing has changed since the last one.
pub(crate) async fn publish(state: &State, context: &Context, input: PublishVersionRequest) -> Result<FunctionConfiguration, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    if input.publish_to.is_some() {
        return Err(lacking("PublishTo", "leave it out: a version with a number is made"));
    }
    let _writing = state.writing.lock().await;
    let (document, _) = state.find(&name).await?;
    let is = &document.configuration;
    check_revision(input.revision_id.as_deref(), is.revision_id.as_deref())?;
    if let Some(wanted) = input
        .code_sha256
        .filter(|wanted| !wanted.is_empty() && is.code_sha256.as_ref() != Some(wanted))
    {
        return Err(invalid(format!(
            "CodeSHA256 ({wanted}) is different from current CodeSHA256 in {LATEST} ({}). Please try again with the CodeSHA256 in {LATEST}.",
            is.code_sha256.as_deref().unwrap_or_default()
        )));
    }
    let next = next(state, &name, &document, input.description).await?;
    next.commit(state, Change::new()).await
}

/// `$LATEST` and the published versions, oldest first, a page at a time.
pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: ListVersionsByFunctionRequest,
) -> Result<ListVersionsByFunctionResponse, Fault> {
    let name = Name::unqualified(context, &input.function_name)?;
    let (latest, _) = state.find(&name).await?;
    let limit = usize::try_from(input.max_items.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX)).unwrap_or(1);
    let marker = input.marker.as_deref().filter(|marker| !marker.is_empty());
    let mut versions = Vec::new();
    if marker.is_none() {
        let mut configuration = latest.configuration;
        configuration.function_arn = Some(name.arn_of(LATEST));
        versions.push(configuration);
    }
    // A page of one has `$LATEST` and one more: a marker needs a version to stand behind.
    let room = limit.saturating_sub(versions.len()).max(1);
    let page = state.catalog.list(&name.versions(), room, marker).await.map_err(exception)?;
    for stored in &page.documents {
        versions.push(Document::read(stored).map_err(exception)?.configuration);
    }
    Ok(ListVersionsByFunctionResponse {
        versions: Some(versions),
        next_marker: page.next_token,
    })
}

/// Forgets one version; not while an alias leads to it.
pub(crate) async fn delete(state: &State, name: &Name, qualifier: &str) -> Result<(), Fault> {
    let Ok(number) = qualifier.parse::<u64>() else {
        return Err(invalid("Deletion of aliases is not currently supported."));
    };
    state.find(name).await?;
    if number.to_string() != qualifier {
        return Ok(()); // `007` is no version
    }
    let key = name.version_key(number);
    if state.catalog.get(&key).await.map_err(exception)?.is_none() {
        return Ok(()); // as AWS: a version that is not there is deleted already
    }
    let aliases = state.catalog.all(&name.aliases()).await.map_err(exception)?;
    let mut users = Vec::new();
    for stored in &aliases {
        let alias = read_alias(stored)?;
        if targets(&alias).any(|version| version == qualifier) {
            users.push(alias.name.unwrap_or_default());
        }
    }
    if !users.is_empty() {
        let message = format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            users.join(", ")
        );
        return Err(Fault::new("ResourceConflictException", message));
    }
    let change = Change::new().delete(key).delete(name.event_config_key_of(qualifier));
    state.catalog.commit(change).await.map_err(exception)?;
    if let Err(error) = state.host.delete(&name.arn_of(qualifier)) {
        tracing::debug!(target: "lambda", %error, "a deleted version was not running");
    }
    Ok(())
}

/// A version that is about to be: not stored yet.
pub(crate) struct Next {
    document: Document,
    /// None when that version exists already.
    change: Option<Change>,
}

/// The version that publishing `latest` gives. `state.writing` is held.
pub(crate) async fn next(state: &State, name: &Name, latest: &Document, description: Option<String>) -> Result<Next, Fault> {
    let counter = state.catalog.get(&name.counter_key()).await.map_err(exception)?;
    let last = counter.and_then(|counter| counter.body["last"].as_u64()).unwrap_or(0);
    let fingerprint = fingerprint(latest);
    if let Some(stored) = state.catalog.get(&name.version_key(last)).await.map_err(exception)? {
        let document = Document::read(&stored).map_err(exception)?;
        if document.fingerprint.as_ref() == Some(&fingerprint) {
            return Ok(Next { document, change: None });
        }
    }
    let number = last + 1;
    let mut document = Document {
        policy: Vec::new(),
        reserved: None,
        fingerprint: Some(fingerprint),
        ..latest.clone()
    };
    let configuration = &mut document.configuration;
    configuration.version = Some(number.to_string());
    configuration.function_arn = Some(name.arn_of(&number.to_string()));
    configuration.description = description.or(configuration.description.take());
    touch(configuration, state.clock.now());
    let change = Change::new()
        .put(name.counter_key(), &json!({"last": number}))
        .create(name.version_key(number), &document.body());
    Ok(Next {
        document,
        change: Some(change),
    })
}

impl Next {
    /// Stores it together with `other`, and gives it to the host.
    pub(crate) async fn commit(self, state: &State, other: Change) -> Result<FunctionConfiguration, Fault> {
        let function = self.document.function(state.host.packages()).map_err(exception)?;
        let new = self.change.is_some();
        let change = other.and(self.change.unwrap_or_default());
        state.catalog.commit(change).await.map_err(exception)?;
        if new {
            state.host.replace(function).map_err(exception)?;
        }
        Ok(self.document.configuration)
    }
}

impl State {
    /// The version that `name` with its qualifier means, its ARN as the caller qualified it.
    pub(crate) async fn find_version(&self, name: &Name) -> Result<Document, Fault> {
        let (latest, _) = self.find(name).await?;
        let Some(qualifier) = &name.qualifier else {
            return Ok(latest);
        };
        let missing = || not_found(&name.qualified());
        let alias = self.catalog.get(&name.alias_key(qualifier)).await.map_err(exception)?;
        let version = match alias {
            Some(stored) => read_alias(&stored)?.function_version.unwrap_or_default(),
            None => qualifier.clone(),
        };
        let mut document = if version == LATEST {
            latest
        } else {
            let number = version.parse::<u64>().ok().filter(|number| number.to_string() == version);
            let number = number.ok_or_else(missing)?;
            let stored = self.catalog.get(&name.version_key(number)).await.map_err(exception)?;
            Document::read(&stored.ok_or_else(missing)?).map_err(exception)?
        };
        document.configuration.function_arn = Some(name.qualified());
        Ok(document)
    }
}

/// Every version that an alias leads to.
pub(crate) fn targets(alias: &AliasConfiguration) -> impl Iterator<Item = &str> {
    let others = alias
        .routing_config
        .iter()
        .flat_map(|routing| routing.additional_version_weights.iter().flat_map(|weights| weights.keys()));
    alias.function_version.iter().chain(others).map(String::as_str)
}

/// Equal for two states of `$LATEST` that would be the same version.
fn fingerprint(latest: &Document) -> String {
    let mut configuration = latest.configuration.clone();
    configuration.revision_id = None;
    configuration.last_modified = None;
    let body = Document {
        configuration,
        policy: Vec::new(),
        reserved: None,
        fingerprint: None,
        code: latest.code.clone(),
        layers: latest.layers.clone(),
    };
    sha256(body.body().to_string().as_bytes()).to_string()
}
