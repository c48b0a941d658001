//! Foundation models: those that are known and answered for, and those that routes name one by one.

use std::collections::BTreeMap;

use bedplate_base::{Error, Place};
use bedplate_wire::Context;
use bedplate_wire_bedrock::types::{self, InferenceType, ModelModality};

use super::known::{self, Known, MODELS, Sort};
use crate::State;

/// Letters of a model's name (service model, `BrandedName`).
const NAME_MAX: usize = 20;

pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: types::ListFoundationModelsRequest,
) -> Result<types::ListFoundationModelsResponse, Error> {
    let provider = input.by_provider.as_deref().map(str::to_lowercase);
    let wanted = |model: &types::FoundationModelSummary| {
        let of_provider = provider.as_deref().is_none_or(|provider| {
            let maker = model.provider_name.as_deref().unwrap_or_default();
            maker.to_lowercase() == provider || model.model_id.split('.').next() == Some(provider)
        });
        let gives = input
            .by_output_modality
            .is_none_or(|wanted| model.output_modalities.as_ref().is_some_and(|all| all.contains(&wanted)));
        let on_demand = input.by_inference_type.is_none_or(|wanted| wanted == InferenceType::OnDemand);
        of_provider && gives && on_demand && input.by_customization_type.is_none()
    };
    let models = state
        .known_models(context.strict)
        .into_iter()
        .map(|(id, known)| details(&context.place, &id, known))
        .map(summary)
        .filter(wanted)
        .collect();
    Ok(types::ListFoundationModelsResponse {
        model_summaries: Some(models),
    })
}

pub(crate) async fn get(
    state: &State,
    context: &Context,
    input: types::GetFoundationModelRequest,
) -> Result<types::GetFoundationModelResponse, Error> {
    let id = state.foundation_model(&input.model_identifier)?;
    Ok(types::GetFoundationModelResponse {
        model_details: Some(details(&context.place, id, find(id))),
    })
}

/// Whoever routes a model may use it: there are no agreements and no entitlements here.
pub(crate) async fn availability(
    state: &State,
    _: &Context,
    input: types::GetFoundationModelAvailabilityRequest,
) -> Result<types::GetFoundationModelAvailabilityResponse, Error> {
    let id = state.foundation_model(&input.model_id)?;
    Ok(types::GetFoundationModelAvailabilityResponse {
        model_id: id.to_owned(),
        agreement_availability: types::AgreementAvailability {
            status: types::AgreementStatus::Available,
            error_message: None,
        },
        authorization_status: types::AuthorizationStatus::Authorized,
        entitlement_availability: types::EntitlementAvailability::Available,
        region_availability: types::RegionAvailability::Available,
    })
}

impl State {
    /// Models that somebody answers for: of the known ones, and those that routes name without `*`. With `strict`, only ids that the service
    /// could have.
    fn known_models(&self, strict: bool) -> BTreeMap<String, Option<&'static Known>> {
        let answered = |id: &str| self.models.route(id).is_ok();
        let known = MODELS
            .iter()
            .filter(|model| answered(model.id))
            .map(|model| (model.id.to_owned(), Some(model)));
        let routed = self.patterns.iter().map(String::as_str).chain(["builtin/planner"]);
        let own = routed
            .filter(|id| !id.contains(if strict { &['*', '/'][..] } else { &['*'] }) && answered(id))
            .map(|id| (id.to_owned(), find(id)));
        known.chain(own).collect()
    }

    /// The id of a model that is named by id or ARN and that somebody answers for.
    ///
    /// # Errors
    /// `NotFound` when nobody does.
    pub(crate) fn foundation_model<'a>(&self, name: &'a str) -> Result<&'a str, Error> {
        let id = match name.starts_with("arn:") {
            true => name.split_once("foundation-model/").map_or(name, |(_, id)| id),
            false => name,
        };
        match self.models.route(id) {
            Ok(_) => Ok(id),
            Err(unrouted) => Err(Error::not_found(format!(
                "Could not resolve the foundation model from the model identifier: {id}. {}",
                unrouted.message
            ))
            .with_resource(name)),
        }
    }
}

fn find(id: &str) -> Option<&'static Known> {
    MODELS.iter().find(|model| model.id == id)
}

/// Foundation models belong to no account.
pub(crate) fn arn(region: &str, id: &str) -> String {
    format!("arn:aws:bedrock:{region}::foundation-model/{id}")
}

fn details(place: &Place, id: &str, known: Option<&Known>) -> types::FoundationModelDetails {
    let sort = known.map_or(Sort::Text, |known| known.sort);
    let takes = if sort == Sort::Vision {
        vec![ModelModality::Text, ModelModality::Image]
    } else {
        vec![ModelModality::Text]
    };
    let gives = if sort == Sort::Embedding {
        ModelModality::Embedding
    } else {
        ModelModality::Text
    };
    types::FoundationModelDetails {
        model_arn: arn(&place.region, id),
        model_id: id.to_owned(),
        model_name: Some(known.map_or(id, |known| known.name).chars().take(NAME_MAX).collect()),
        provider_name: Some(known::maker(id).to_owned()),
        input_modalities: Some(takes),
        output_modalities: Some(vec![gives]),
        response_streaming_supported: Some(sort != Sort::Embedding),
        customizations_supported: Some(Vec::new()),
        inference_types_supported: Some(vec![InferenceType::OnDemand]),
        model_lifecycle: Some(types::FoundationModelLifecycle {
            status: types::FoundationModelLifecycleStatus::Active,
            ..types::FoundationModelLifecycle::default()
        }),
    }
}

fn summary(model: types::FoundationModelDetails) -> types::FoundationModelSummary {
    types::FoundationModelSummary {
        model_arn: model.model_arn,
        model_id: model.model_id,
        model_name: model.model_name,
        provider_name: model.provider_name,
        input_modalities: model.input_modalities,
        output_modalities: model.output_modalities,
        response_streaming_supported: model.response_streaming_supported,
        customizations_supported: model.customizations_supported,
        inference_types_supported: model.inference_types_supported,
        model_lifecycle: model.model_lifecycle,
    }
}
