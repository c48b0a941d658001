//! Inference profiles: the service's own, which are other names of known models, and those of applications, which are stored and answered for
//! by whoever answers for their source.

use bedplate_base::{Error, Kind, Place, Timestamp, random_id};
use bedplate_catalog::{Change, Tags, Token, key};
use bedplate_wire::{Context, Fault, Json as _};
use bedplate_wire_bedrock::types::{self, InferenceProfileStatus, InferenceProfileType};
use serde_json::{Value, json};

use super::foundation;
use super::known::{Known, MODELS};
use crate::State;

/// Profiles of an account in a region (Bedrock quotas: "Inference profiles per account", 1,000).
const PROFILES_MAX: usize = 1_000;
/// Profiles of a page when the request does not say (the most that it may ask for).
const PAGE: usize = 1_000;
const APPLICATION: &str = ":application-inference-profile/";

pub(crate) async fn create(
    state: &State,
    context: &Context,
    input: types::CreateInferenceProfileRequest,
) -> Result<types::CreateInferenceProfileResponse, Error> {
    let place = &context.place;
    let types::InferenceProfileModelSource::CopyFrom(from) = &input.model_source;
    let source = source(state, place, from)?;
    let plain = types::CreateInferenceProfileRequest {
        client_request_token: None,
        ..input.clone()
    };
    let token = input.client_request_token.as_ref().map(|token| {
        Token::new(
            &format!("{}/{}", place.account, place.region),
            "CreateInferenceProfile",
            token,
            &plain.to_json(),
        )
    });
    let _one = state.writing.lock().await;
    if let Some(token) = &token
        && let Some(made) = state.catalog.made_by(token).await?
        && let Some(stored) = state.catalog.get(&made).await?
    {
        return Ok(created(&stored.body));
    }
    if state.catalog.all(&prefix(place)).await?.len() >= PROFILES_MAX {
        return Err(Error::new(
            Kind::Quota,
            format!("The account has {PROFILES_MAX} inference profiles in this region already; delete some first."),
        ));
    }
    let id = random_id(12).to_lowercase();
    let arn = place.arn("bedrock", format!("application-inference-profile/{id}"));
    let now = state.clock.now();
    let body = json!({
        "id": id,
        "arn": arn.as_str(),
        "name": input.inference_profile_name,
        "description": input.description,
        "source": source.id,
        "models": source.models,
        "createdAt": now.millis(),
    });
    let key = document(place, &id);
    let tags: Tags = input.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect();
    let mut change = Change::new().create(key.as_str(), &body).tags(arn.as_str(), &tags)?;
    if let Some(token) = &token {
        change = change.token(token, &key);
    }
    state.catalog.commit(change).await?;
    Ok(created(&body))
}

fn created(body: &Value) -> types::CreateInferenceProfileResponse {
    types::CreateInferenceProfileResponse {
        inference_profile_arn: text(body, "arn"),
        status: Some(InferenceProfileStatus::Active),
    }
}

pub(crate) async fn get(
    state: &State,
    context: &Context,
    input: types::GetInferenceProfileRequest,
) -> Result<types::GetInferenceProfileResponse, Error> {
    let name = input.inference_profile_identifier.as_str();
    let found = match system(&context.place, name.rsplit('/').next().unwrap_or(name)) {
        Some(found) => found,
        None => stored(&state.application(&context.place, name).await?.body),
    };
    Ok(types::GetInferenceProfileResponse {
        inference_profile_name: found.inference_profile_name,
        description: found.description,
        created_at: found.created_at,
        updated_at: found.updated_at,
        inference_profile_arn: found.inference_profile_arn,
        models: found.models,
        inference_profile_id: found.inference_profile_id,
        status: found.status,
        r#type: found.r#type,
    })
}

pub(crate) async fn delete(
    state: &State,
    context: &Context,
    input: types::DeleteInferenceProfileRequest,
) -> Result<types::DeleteInferenceProfileResponse, Error> {
    let name = input.inference_profile_identifier.as_str();
    if system(&context.place, name.rsplit('/').next().unwrap_or(name)).is_some() {
        return Err(Error::validation(
            "A system-defined inference profile cannot be deleted; only profiles of type APPLICATION can.",
        ));
    }
    let _one = state.writing.lock().await;
    let found = state.application(&context.place, name).await?;
    let change = Change::new()
        .delete(found.key.as_str())
        .tags(&text(&found.body, "arn"), &Tags::new())?;
    state.catalog.commit(change).await?;
    Ok(types::DeleteInferenceProfileResponse::default())
}

pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: types::ListInferenceProfilesRequest,
) -> Result<types::ListInferenceProfilesResponse, Error> {
    let limit = input.max_results.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE);
    let place = &context.place;
    let application = input.type_equals == Some(InferenceProfileType::Application);
    let systems = MODELS
        .iter()
        .flat_map(|model| groups(place, model).map(move |group| (model, group)));
    let mut systems: Vec<_> = systems
        .filter(|(model, _)| !application && state.models.route(model.id).is_ok())
        .map(|(model, group)| profile(place, model, group))
        .collect();
    // The stored ones follow the others: a token of theirs says that the others are told.
    let told = input.next_token.as_deref();
    let (after, token) = match told.map(|told| told.split_once('.').ok_or_else(bad_token)).transpose()? {
        Some(("s", at)) => (at.parse::<usize>().map_err(|_| bad_token())?, None),
        Some(("a", rest)) => (systems.len(), Some(rest).filter(|rest| !rest.is_empty())),
        Some(_) => return Err(bad_token()),
        None => (0, None),
    };
    if after > systems.len() {
        return Err(bad_token());
    }
    let total = systems.len();
    let mut page: Vec<_> = systems.drain(after..total.min(after + limit)).collect();
    let told = after + page.len();
    let mut next_token = (told < total).then(|| format!("s.{told}"));
    if next_token.is_none() && input.type_equals != Some(InferenceProfileType::SystemDefined) {
        if page.len() == limit {
            let more = !state.catalog.list(&prefix(place), 1, None).await?.documents.is_empty();
            next_token = more.then(|| "a.".to_owned());
        } else {
            let listing = state.catalog.list(&prefix(place), limit - page.len(), token).await?;
            page.extend(listing.documents.iter().map(|document| stored(&document.body)));
            next_token = listing.next_token.map(|token| format!("a.{token}"));
        }
    }
    Ok(types::ListInferenceProfilesResponse {
        inference_profile_summaries: Some(page),
        next_token,
    })
}

fn bad_token() -> Error {
    Error::validation("The nextToken is invalid. Use the token of the previous page of the same listing.")
}

impl State {
    /// The model that a request means: an application's inference profile stands for its source, any other name for itself.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for a profile that is not stored.
    pub(crate) async fn model(&self, name: String) -> Result<String, Fault> {
        if !name.contains(APPLICATION) {
            return Ok(name);
        }
        let place = Place::default(); // the ARN names its own
        let found = self.application(&place, &name).await.map_err(Fault::from_error)?;
        Ok(text(&found.body, "source"))
    }

    /// The stored profile of an application, by ARN or, in `place`, by id.
    pub(super) async fn application(&self, place: &Place, name: &str) -> Result<bedplate_catalog::Document, Error> {
        let key = match bedplate_base::Arn::parse(name) {
            Some(arn) => document(
                &Place {
                    account: arn.account().to_owned(),
                    region: arn.region().to_owned(),
                },
                name.rsplit('/').next().unwrap_or_default(),
            ),
            None => document(place, name),
        };
        let found = self.catalog.get(&key).await?;
        found.ok_or_else(|| Error::not_found(format!("The inference profile {name} could not be found.")).with_resource(name))
    }
}

/// Where a profile's model comes from.
struct Source {
    id: String,
    models: Vec<String>,
}

fn source(state: &State, place: &Place, from: &str) -> Result<Source, Error> {
    let id = from.rsplit('/').next().unwrap_or(from);
    if from.contains(":inference-profile/") {
        let Some(system) = system(place, id) else {
            return Err(Error::not_found(format!("The inference profile {from} could not be found.")).with_resource(from));
        };
        return Ok(Source {
            id: id.to_owned(),
            models: system.models.into_iter().filter_map(|model| model.model_arn).collect(),
        });
    }
    state.foundation_model(from)?;
    Ok(Source {
        id: id.to_owned(),
        models: vec![from.to_owned()],
    })
}

fn prefix(place: &Place) -> String {
    format!("{}/", key(&["inference-profile", &place.account, &place.region]))
}

fn document(place: &Place, id: &str) -> String {
    key(&["inference-profile", &place.account, &place.region, id])
}

fn stored(body: &Value) -> types::InferenceProfileSummary {
    let created = body["createdAt"].as_i64().map(Timestamp::from_millis);
    let models = body["models"].as_array().into_iter().flatten();
    types::InferenceProfileSummary {
        inference_profile_name: text(body, "name"),
        description: body["description"].as_str().map(str::to_owned),
        created_at: created,
        updated_at: created,
        inference_profile_arn: text(body, "arn"),
        models: models
            .filter_map(|model| model.as_str())
            .map(|arn| types::InferenceProfileModel {
                model_arn: Some(arn.to_owned()),
            })
            .collect(),
        inference_profile_id: text(body, "id"),
        status: InferenceProfileStatus::Active,
        r#type: InferenceProfileType::Application,
    }
}

/// The service's own profile of this id, as seen from `place`.
fn system(place: &Place, id: &str) -> Option<types::InferenceProfileSummary> {
    let (group, model) = id.split_once('.')?;
    let known = MODELS.iter().find(|known| known.id == model)?;
    let group = known.groups.iter().find(|known| **known == group)?;
    Some(profile(place, known, group))
}

/// The groups of regions whose profiles a region sees: its own, and the one of all regions.
fn groups<'a>(place: &Place, model: &'a Known) -> impl Iterator<Item = &'static str> + use<'a> {
    let own = match place.region.split('-').next() {
        Some("eu") => "eu",
        Some("ap") => "apac",
        _ => "us",
    };
    model
        .groups
        .iter()
        .copied()
        .filter(move |group| *group == own || *group == "global")
}

fn profile(place: &Place, model: &Known, group: &str) -> types::InferenceProfileSummary {
    let regions: &[&str] = match group {
        "eu" => &["eu-central-1", "eu-west-1", "eu-west-3"],
        "apac" => &["ap-northeast-1", "ap-southeast-1", "ap-southeast-2"],
        _ => &["us-east-1", "us-east-2", "us-west-2"],
    };
    let id = format!("{group}.{}", model.id);
    types::InferenceProfileSummary {
        inference_profile_name: format!("{} {}", group.to_uppercase(), model.name),
        description: Some(format!("Routes requests to {} in the regions of {group}.", model.name)),
        created_at: None,
        updated_at: None,
        inference_profile_arn: place.arn("bedrock", format!("inference-profile/{id}")).as_str().to_owned(),
        models: regions
            .iter()
            .map(|region| types::InferenceProfileModel {
                model_arn: Some(foundation::arn(region, model.id)),
            })
            .collect(),
        inference_profile_id: id,
        status: InferenceProfileStatus::Active,
        r#type: InferenceProfileType::SystemDefined,
    }
}

fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_default().to_owned()
}
