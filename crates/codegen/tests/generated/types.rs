//! Codecs: what is written is read back, sorted, compact and with whole numbers whole.

use bedplate_wire::{Json, ReadError, Value};
use bedplate_wire_bedrock_agent::types as control;
use bedplate_wire_bedrock_agent_runtime::types as runtime;
use bedplate_wire_bedrock_runtime::types as converse;
use bedplate_wire_lambda::types as lambda;
use bedplate_wire_stepfunctions::types as states;
use serde::Deserialize;

use crate::cases;

#[derive(Deserialize)]
struct Case {
    shape: String,
    json: String,
    /// What is written, when it is not `json`.
    written: Option<String>,
    error: Option<String>,
}

fn through<T: Json>(value: &Value) -> Result<String, ReadError> {
    T::from_json(value).map(|read| read.to_json().to_string())
}

#[test]
fn round_trips() {
    for case in cases::<Case>("types") {
        let value: Value = serde_json::from_str(&case.json).unwrap_or_else(|error| panic!("{}: {error}", case.shape));
        let written = match case.shape.as_str() {
            "control Agent" => through::<control::Agent>(&value),
            "control AgentActionGroup" => through::<control::AgentActionGroup>(&value),
            "control CreateAgentResponse" => through::<control::CreateAgentResponse>(&value),
            "control FlowDefinition" => through::<control::FlowDefinition>(&value),
            "runtime TracePart" => through::<runtime::TracePart>(&value),
            "runtime RetrievalFilter" => through::<runtime::RetrievalFilter>(&value),
            "runtime ReturnControlPayload" => through::<runtime::ReturnControlPayload>(&value),
            "converse ConverseRequest" => through::<converse::ConverseRequest>(&value),
            "lambda FunctionConfiguration" => through::<lambda::FunctionConfiguration>(&value),
            "states DescribeExecutionOutput" => through::<states::DescribeExecutionOutput>(&value),
            other => panic!("no case for {other}"),
        };
        match (written, case.error) {
            (Ok(written), None) => assert_eq!(written, case.written.unwrap_or(case.json), "{}", case.shape),
            (Err(error), Some(wanted)) => assert_eq!(error.to_string(), wanted, "{}", case.shape),
            (outcome, wanted) => panic!("{}: {outcome:?}, not {wanted:?}", case.shape),
        }
    }
}

#[test]
fn enums_know_their_words() {
    assert_eq!(control::AgentStatus::NotPrepared.as_str(), "NOT_PREPARED");
    assert_eq!("PREPARED".parse(), Ok(control::AgentStatus::Prepared));
    assert!("ROUTING_CLASSIFIER".parse::<control::PromptType>().is_ok());
    assert!("PREPARED ".parse::<control::AgentStatus>().is_err());
}
