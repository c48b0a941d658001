//! Asynchronous invocations: InvokeModel without anybody who waits; the answer goes to a bucket.
//!
//! An invocation is a document of the catalog from its acceptance on, so that it is known after a crash: those that were not over are made again.
//! A model may so be asked twice, the object at the end is one. What is sent to the model is a document of its own until then: invocations are
//! counted and listed often, and a thousand inputs are more than fits into memory.

use std::cmp::Reverse;
use std::sync::{Arc, PoisonError};

use bedplate_base::{Error, Kind, Place, Timestamp, random_id};
use bedplate_catalog::{Change, Document, Tags, Token, key};
use bedplate_wire::{Context, Fault, Json as _, Value};
use bedplate_wire_bedrock_runtime::types::{self, AsyncInvokeStatus};
use serde_json::json;

use super::fault::invalid;
use super::invoke;
use crate::State;
use crate::control::foundation_arn;

/// Invocations that run at once. Ours: they wait for models, not for this machine.
pub(crate) const RUNNING_MAX: usize = 16;
/// Invocations of an account in a region that are not over; beyond it ServiceQuotaExceededException. Ours.
const OPEN_MAX: usize = 1_000;
/// Invocations that are kept after their end; the oldest go first. Ours.
const ENDED_MAX: usize = 1_000;
/// Invocations of a page when the request does not say (service model: 1 to 1,000).
const PAGE: usize = 1_000;
const KIND: &str = "async-invoke";
/// What documents with inputs are called.
const INPUT: &str = "async-invoke-input";

pub(crate) async fn start(
    state: &State,
    context: &Context,
    input: types::StartAsyncInvokeRequest,
) -> Result<types::StartAsyncInvokeResponse, Fault> {
    let place = &context.place;
    if state.objects.is_none() {
        return Err(invalid("There are no buckets here, so there is no place for the output."));
    }
    let model = state.model(input.model_id.clone()).await?;
    // What is wrong with the body is said now, not in a document that nobody reads.
    invoke::validate(&model, &input.model_input.to_string().into(), &context.request_id)?;
    if let Err(unrouted) = state.models.route(&model) {
        return Err(invalid(unrouted.message));
    }
    let token = input.client_request_token.as_ref().map(|token| {
        let plain = types::StartAsyncInvokeRequest {
            client_request_token: None,
            ..input.clone()
        };
        Token::new(
            &format!("{}/{}", place.account, place.region),
            "StartAsyncInvoke",
            token,
            &plain.to_json(),
        )
    });
    let _one = state.writing.lock().await;
    if let Some(token) = &token
        && let Some(made) = state.catalog.made_by(token).await.map_err(Fault::from_error)?
        && let Some(found) = state.catalog.get(&made).await.map_err(Fault::from_error)?
    {
        return Ok(types::StartAsyncInvokeResponse {
            invocation_arn: text(&found.body, "arn"),
        });
    }
    let old = room(state, place).await.map_err(Fault::from_error)?;
    let id = random_id(12).to_lowercase();
    let arn = place.arn("bedrock", format!("{KIND}/{id}"));
    let model_arn = if input.model_id.starts_with("arn:") {
        input.model_id.clone()
    } else {
        foundation_arn(&place.region, &input.model_id)
    };
    let body = json!({
        "arn": arn.as_str(),
        "id": id,
        "account": place.account,
        "region": place.region,
        "model": model,
        "modelArn": model_arn,
        "token": input.client_request_token,
        "output": input.output_data_config.to_json(),
        "status": AsyncInvokeStatus::InProgress.as_str(),
        "submitTime": context.received_at.millis(),
        "requestId": context.request_id,
        "traceParent": context.trace_parent,
    });
    let (key, input_key) = (document(place, &id), input_of(place, &id));
    let tags: Tags = input.tags.into_iter().flatten().map(|tag| (tag.key, tag.value)).collect();
    let write = || {
        let mut change = Change::new()
            .create(key.as_str(), &body)
            .create(input_key.as_str(), &input.model_input);
        change = change.tags(arn.as_str(), &tags)?;
        for document in &old {
            change = change
                .delete(document.key.as_str())
                .tags(&text(&document.body, "arn"), &Tags::new())?;
        }
        Ok(match &token {
            Some(token) => change.token(token, &key),
            None => change,
        })
    };
    state
        .catalog
        .commit(write().map_err(Fault::from_error)?)
        .await
        .map_err(Fault::from_error)?;
    state.run(key);
    Ok(types::StartAsyncInvokeResponse {
        invocation_arn: arn.as_str().to_owned(),
    })
}

/// What must go to make room.
///
/// # Errors
/// `Quota` when too many are not over yet.
async fn room(state: &State, place: &Place) -> Result<Vec<Document>, Error> {
    let all = state.catalog.all(&prefix(place)).await?;
    let (open, mut ended): (Vec<_>, Vec<_>) = all.into_iter().partition(|document| is_open(&document.body));
    if open.len() >= OPEN_MAX {
        return Err(Error::new(
            Kind::Quota,
            format!("{OPEN_MAX} asynchronous invocations are in progress already; wait for some of them."),
        ));
    }
    ended.sort_by_key(|document| Reverse(document.body["submitTime"].as_i64()));
    Ok(ended.split_off(ended.len().min(ENDED_MAX - 1)))
}

pub(crate) async fn get(state: &State, _: &Context, input: types::GetAsyncInvokeRequest) -> Result<types::GetAsyncInvokeResponse, Fault> {
    let found = summary(&state.invocation(&input.invocation_arn).await?.body);
    Ok(types::GetAsyncInvokeResponse {
        invocation_arn: found.invocation_arn,
        model_arn: found.model_arn,
        client_request_token: found.client_request_token,
        status: found.status.unwrap_or_default(),
        failure_message: found.failure_message,
        submit_time: found.submit_time,
        last_modified_time: found.last_modified_time,
        end_time: found.end_time,
        output_data_config: found.output_data_config,
    })
}

pub(crate) async fn list(
    state: &State,
    context: &Context,
    input: types::ListAsyncInvokesRequest,
) -> Result<types::ListAsyncInvokesResponse, Fault> {
    let all = state.catalog.all(&prefix(&context.place)).await.map_err(Fault::from_error)?;
    let mut all: Vec<_> = all.iter().map(|document| summary(&document.body)).collect();
    all.retain(|one| {
        input.status_equals.is_none_or(|wanted| one.status == Some(wanted))
            && input.submit_time_after.is_none_or(|after| one.submit_time > after)
            && input.submit_time_before.is_none_or(|before| one.submit_time < before)
    });
    // Equal times are told apart by the ARN, so that pages neither repeat nor leave out.
    all.sort_by(|one, other| (one.submit_time, &one.invocation_arn).cmp(&(other.submit_time, &other.invocation_arn)));
    if input.sort_order != Some(types::SortOrder::Ascending) {
        all.reverse();
    }
    let from = match &input.next_token {
        None => 0,
        Some(last) => match all.iter().position(|one| one.invocation_arn.rsplit('/').next() == Some(last)) {
            Some(at) => at + 1,
            None => {
                return Err(invalid(
                    "The nextToken is invalid. Use the token of the previous page of the same listing.",
                ));
            }
        },
    };
    let most = input.max_results.and_then(|most| usize::try_from(most).ok()).unwrap_or(PAGE);
    let more = all.len() > from.saturating_add(most);
    let page: Vec<_> = all.into_iter().skip(from).take(most).collect();
    let last = page.last().and_then(|last| last.invocation_arn.rsplit('/').next());
    Ok(types::ListAsyncInvokesResponse {
        next_token: last.filter(|_| more).map(str::to_owned),
        async_invoke_summaries: Some(page),
    })
}

impl State {
    /// Takes up the invocations that were not over.
    pub(crate) async fn resume(&self) -> Result<(), Error> {
        for stored in self.catalog.all(&format!("{}/", key(&[KIND]))).await? {
            if is_open(&stored.body) {
                self.run(stored.key);
            }
        }
        Ok(())
    }

    /// The stored invocation.
    pub(crate) async fn invocation(&self, arn: &str) -> Result<Document, Fault> {
        let missing = || Fault::new("ResourceNotFoundException", format!("The invocation {arn} could not be found."));
        let parsed = bedplate_base::Arn::parse(arn).ok_or_else(missing)?;
        let place = Place {
            account: parsed.account().to_owned(),
            region: parsed.region().to_owned(),
        };
        let key = document(&place, arn.rsplit('/').next().unwrap_or_default());
        let found = self.catalog.get(&key).await.map_err(Fault::from_error)?;
        found.ok_or_else(missing)
    }

    /// Makes an invocation when it is its turn. It ends with this process.
    fn run(&self, key: String) {
        let (state, turns) = (self.detached(), Arc::clone(&self.turns));
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let Ok(_turn) = turns.acquire().await else { return };
            if let Err(error) = state.make(&key).await {
                tracing::warn!(target: "bedrock", key, %error, "an asynchronous invocation is not over");
            }
        });
    }

    async fn make(&self, key: &str) -> Result<(), Error> {
        let Some(found) = self.catalog.get(key).await? else { return Ok(()) };
        let body = &found.body;
        let context = Context {
            request_id: text(body, "requestId"),
            place: Place {
                account: text(body, "account"),
                region: text(body, "region"),
            },
            received_at: self.clock.now(),
            trace_parent: body["traceParent"].as_str().map(str::to_owned),
            ..Context::default()
        };
        let input_key = input_of(&context.place, &text(body, "id"));
        let input = self
            .catalog
            .get(&input_key)
            .await?
            .map(|document| document.body)
            .unwrap_or_default();
        let outcome = match invoke::quietly(self, &context, &text(body, "model"), &input).await {
            Ok(answer) => self.put(body, &answer).await.map_err(|error| error.message),
            Err(fault) => Err(format!("{}: {}", fault.code, fault.message)),
        };
        let mut after = body.clone();
        let now = json!(self.clock.now().millis());
        (after["endTime"], after["lastModifiedTime"]) = (now.clone(), now);
        match outcome {
            Ok(()) => after["status"] = json!(AsyncInvokeStatus::Completed.as_str()),
            Err(message) => {
                after["status"] = json!(AsyncInvokeStatus::Failed.as_str());
                after["failureMessage"] = json!(message.chars().take(2_048).collect::<String>());
            }
        }
        self.catalog.commit(Change::new().replace(&found, &after).delete(input_key)).await
    }

    async fn put(&self, body: &Value, answer: &Value) -> Result<(), Error> {
        let objects = self.objects.as_ref().ok_or_else(|| Error::internal("There are no buckets here."))?;
        let folder = body["output"]["s3OutputDataConfig"]["s3Uri"].as_str().unwrap_or_default();
        let uri = format!("{}/{}/output.json", folder.trim_end_matches('/'), text(body, "id"));
        (objects.write)(uri, answer.to_string().into()).await
    }
}

fn summary(body: &Value) -> types::AsyncInvokeSummary {
    let time = |key: &str| body[key].as_i64().map(Timestamp::from_millis);
    let words = |key: &str| body[key].as_str().map(str::to_owned);
    types::AsyncInvokeSummary {
        invocation_arn: text(body, "arn"),
        model_arn: text(body, "modelArn"),
        client_request_token: words("token"),
        status: body["status"].as_str().and_then(|status| status.parse().ok()),
        failure_message: words("failureMessage"),
        submit_time: time("submitTime").unwrap_or_default(),
        last_modified_time: time("lastModifiedTime"),
        end_time: time("endTime"),
        output_data_config: types::AsyncInvokeOutputDataConfig::from_json(&body["output"]).unwrap_or_default(),
    }
}

fn is_open(body: &Value) -> bool {
    body["status"].as_str() == Some(AsyncInvokeStatus::InProgress.as_str())
}

fn prefix(place: &Place) -> String {
    format!("{}/", key(&[KIND, &place.account, &place.region]))
}

fn document(place: &Place, id: &str) -> String {
    key(&[KIND, &place.account, &place.region, id])
}

fn input_of(place: &Place, id: &str) -> String {
    key(&[INPUT, &place.account, &place.region, id])
}

fn text(body: &Value, key: &str) -> String {
    body[key].as_str().unwrap_or_default().to_owned()
}
