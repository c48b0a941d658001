//! Requests that are refused, word for word, and requests that are read.

use bedplate_wire::{Body, Value, validate};
use serde::Deserialize;

use crate::{cases, request, router};

#[derive(Deserialize)]
struct Case {
    request: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// Text of `body` that is repeated, for limits.
    #[serde(default)]
    repeat: Vec<(String, usize, String)>,
    #[serde(default)]
    strict: bool,
    /// The input, as JSON.
    input: Option<String>,
    status: Option<u16>,
    code: Option<String>,
    /// The whole message.
    message: Option<String>,
    /// Part of the message.
    says: Option<String>,
}

#[test]
fn requests() {
    let router = router();
    for case in cases::<Case>("requests") {
        let body = case.repeat.iter().fold(case.body.clone(), |body, (mark, times, text)| {
            body.replace(mark, &text.repeat(*times))
        });
        let mut request = request(&case.request, &case.headers, body.into());
        request.context.strict = case.strict;
        let routed = router
            .route_request(&request, None)
            .unwrap_or_else(|error| panic!("{}: {}", case.request, error.message));
        match validate(&routed, &request) {
            Ok((value, _)) => {
                let wanted = case.input.unwrap_or_else(|| panic!("{}: was accepted: {value}", case.request));
                let wanted: Value = serde_json::from_str(&wanted).expect("the case's input is JSON");
                assert_eq!(value, wanted, "{}", case.request);
            }
            Err(fault) => {
                let response = fault.into_response(routed.service, &request.context);
                let Body::Full(bytes) = &response.body else {
                    panic!("an error is no stream")
                };
                let body: Value = serde_json::from_slice(bytes).expect("an error's body is JSON");
                let message = body["message"].as_str().unwrap_or_default();
                assert_eq!(Some(response.status), case.status, "{}: {message}", case.request);
                let header = response
                    .headers
                    .iter()
                    .find(|(name, _)| *name == "x-amzn-errortype")
                    .map(|(_, code)| code.as_str());
                assert_eq!(header.or(body["__type"].as_str()), case.code.as_deref(), "{}", case.request);
                if let Some(wanted) = &case.message {
                    assert_eq!(message, wanted, "{}", case.request);
                }
                if let Some(wanted) = &case.says {
                    assert!(message.contains(wanted), "{}: {message}", case.request);
                }
            }
        }
    }
}

#[test]
fn an_input_may_come_as_a_value() {
    use bedplate_wire_bedrock_agent::ops::GetAgent;
    let read = |text: &str| bedplate_wire::read_value::<GetAgent>(&serde_json::from_str(text).expect("JSON"), true);
    assert_eq!(
        read(r#"{"agentId":"ABCDEFGHIJ"}"#)
            .map(|input| input.agent_id)
            .map_err(|error| error.message),
        Ok("ABCDEFGHIJ".into())
    );
    assert!(read("{}").is_err_and(|error| error.message.contains("Value null at 'agentId'")));
    assert!(read(r#"{"agentId":1}"#).is_err_and(|error| error.message.starts_with("GetAgent: NUMBER_VALUE can not be")));
}
