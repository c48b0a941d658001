//! The table of an api crate: built operations act, others answer 501, streams stream.

use bedplate_base::{Error, Kind, Result};
use bedplate_wire::{Body, Context, Fault, Operation, Response, Streamed, Value};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};

use crate::{request, router};

struct Server;

/// Nothing here waits.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("a future of these tests waits")
}

fn to_wire(_: &Operation, error: Error) -> Fault {
    Fault::from_error(error)
}

mod agents {
    use bedplate_wire_bedrock_agent::{ops, types::*};

    use super::*;

    async fn get(_: &Server, context: &Context, input: GetAgentRequest) -> Result<GetAgentResponse> {
        if input.agent_id == "MISSING000" {
            return Err(Error::not_found(format!("no agent for {}", context.request_id)).with_resource("Lambda"));
        }
        let agent = Agent {
            agent_id: input.agent_id,
            agent_status: AgentStatus::Prepared,
            ..Agent::default()
        };
        Ok(GetAgentResponse { agent })
    }

    async fn delete_action_group(_: &Server, _: &Context, _: DeleteAgentActionGroupRequest) -> Result<DeleteAgentActionGroupResponse> {
        Ok(DeleteAgentActionGroupResponse::default())
    }

    async fn create(_: &Server, _: &Context, _: CreateAgentRequest) -> Result<CreateAgentResponse> {
        Err(Error::new(Kind::Quota, "Too many agents."))
    }

    bedplate_wire::operations! {
        service: "bedrock-agent", state: Server, ops: ops, fault: to_wire,
        GetAgent => get,
        CreateAgent => create,
        DeleteAgentActionGroup => delete_action_group,
    }
}

mod sessions {
    use bedplate_wire_bedrock_agent_runtime::{ops, types::*};

    use super::*;

    async fn invoke(_: &Server, _: &Context, input: InvokeAgentRequest) -> Result<Streamed<InvokeAgentResponse>> {
        let bytes = input.input_text.map(Bytes::from);
        let output = InvokeAgentResponse {
            content_type: "application/json".into(),
            session_id: input.session_id,
            ..Default::default()
        };
        let events = stream::iter([ResponseStream::Chunk(PayloadPart {
            bytes,
            ..PayloadPart::default()
        })]);
        Ok(Streamed::new(output, events))
    }

    bedplate_wire::operations! {
        service: "bedrock-agent-runtime", state: Server, ops: ops, fault: to_wire,
        InvokeAgent => invoke,
    }
}

mod functions {
    use bedplate_wire_lambda::{ops, types::*};

    use super::*;

    async fn invoke(_: &Server, _: &Context, input: InvocationRequest) -> Result<InvocationResponse> {
        if input.payload.is_none() {
            return Err(Error::not_found("Function not found"));
        }
        Ok(InvocationResponse {
            status_code: Some(200),
            function_error: Some("Unhandled".into()),
            payload: input.payload,
            ..InvocationResponse::default()
        })
    }

    bedplate_wire::operations! {
        service: "lambda", state: Server, ops: ops, fault: to_wire,
        Invoke => invoke,
    }
}

fn ask(line: &str, body: &'static str) -> Response {
    let request = request(line, &[], body.into());
    let routed = router()
        .route_request(&request, None)
        .unwrap_or_else(|error| panic!("{line}: {}", error.message));
    block_on(async {
        match routed.service.name {
            "bedrock-agent" => agents::dispatch(&Server, routed, request).await,
            "bedrock-agent-runtime" => sessions::dispatch(&Server, routed, request).await,
            "lambda" => functions::dispatch(&Server, routed, request).await,
            other => panic!("no table for {other}"),
        }
    })
}

fn check(line: &str, body: &'static str, status: u16, headers: &[(&str, &str)], wanted: &str) {
    let response = ask(line, body);
    let body = match response.body {
        Body::Full(bytes) => bytes,
        Body::Stream(stream) => block_on(stream.map(|bytes| bytes.expect("a frame")).collect::<Vec<_>>())
            .concat()
            .into(),
    };
    assert_eq!(response.status, status, "{line}: {body:?}");
    let sent: Vec<(&str, &str)> = response.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(sent, headers, "{line}");
    assert!(String::from_utf8_lossy(&body).contains(wanted), "{line}: {body:?}");
}

const ID: (&str, &str) = ("x-amzn-requestid", "request-1");
const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn tables_act_and_refuse() {
    assert_eq!(agents::BUILT, ["GetAgent", "CreateAgent", "DeleteAgentActionGroup"]);
    check(
        "GET /agents/ABCDEFGHIJ/",
        "",
        200,
        &[JSON, ID],
        r#"{"agent":{"agentArn":"","agentId":"ABCDEFGHIJ""#,
    );
    let refused = "Bedplate does not implement ListAgents of bedrock-agent yet.";
    check(
        "POST /agents/",
        "",
        501,
        &[JSON, ID, ("x-amzn-errortype", "NotImplementedException")],
        refused,
    );
    check(
        "GET /agents/MISSING000/",
        "",
        404,
        &[JSON, ID, ("x-amzn-errortype", "ResourceNotFoundException")],
        r#"{"message":"no agent for request-1"}"#,
    );
    check(
        "PUT /agents/",
        r#"{"agentName":"a"}"#,
        402,
        &[JSON, ID, ("x-amzn-errortype", "ServiceQuotaExceededException")],
        "Too many agents.",
    );
    check(
        "DELETE /agents/ABCDEFGHIJ/agentversions/DRAFT/actiongroups/ABCDEFGHIJ/",
        "",
        204,
        &[ID],
        "",
    );
}

#[test]
fn a_violation_lists_its_field() {
    let Body::Full(bytes) = ask("PUT /agents/", "{}").body else {
        panic!("an error is no stream")
    };
    let body: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(body["fieldList"][0]["name"], "agentName");
}

#[test]
fn an_event_stream() {
    let headers = [
        ("content-type", "application/vnd.amazon.eventstream"),
        ID,
        ("x-amz-bedrock-agent-session-id", "s1"),
        ("x-amzn-bedrock-agent-content-type", "application/json"),
    ];
    let line = "POST /agents/ABCDEFGHIJ/agentAliases/TSTALIASID/sessions/s1/text";
    check(line, r#"{"inputText":"Hi"}"#, 200, &headers, r#"{"bytes":"SGk="}"#);
}

#[test]
fn a_blob_is_the_body_and_lambda_has_an_envelope_of_its_own() {
    let headers = [JSON, ID, ("x-amz-function-error", "Unhandled")];
    check(
        "POST /2015-03-31/functions/f/invocations",
        "not { json",
        200,
        &headers,
        "not { json",
    );
    let headers = [JSON, ID, ("x-amzn-errortype", "ResourceNotFoundException")];
    check(
        "POST /2015-03-31/functions/f/invocations",
        "",
        404,
        &headers,
        r#"{"Message":"Function not found","Type":"User"}"#,
    );
}
