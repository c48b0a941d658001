//! SDKs send a request again when its connection breaks: another try of a turn that was taken is shown that turn.

use std::path::Path;
use std::sync::Arc;

use bedplate_api_agents::runtime::invoke_agent::invoke;
use bedplate_base::Clock;
use bedplate_journal::Target;
use bedplate_store::MemoryStore;
use bedplate_testkit::Ledger;
use bedplate_wire::Context;
use bedplate_wire_bedrock_agent_runtime::types::InvokeAgentRequest;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::house::House;
use crate::scenario::Scenario;

async fn frames(house: &House, agent: &str, (try_id, text): (&str, &str), until: usize) -> Vec<Bytes> {
    let context = Context {
        invocation_id: Some(try_id.into()),
        ..house.context()
    };
    let input = InvokeAgentRequest {
        agent_id: agent.into(),
        agent_alias_id: "TSTALIASID".into(),
        session_id: "s".into(),
        input_text: Some(text.into()),
        enable_trace: Some(true),
        ..InvokeAgentRequest::default()
    };
    let streamed = invoke(&house.state, &context, input).await.unwrap();
    streamed.frames.take(until).collect().await
}

#[tokio::test]
async fn another_try_is_shown_the_turn_that_was_taken() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/tests/cases/scenarios/answer.yaml");
    let scenario = Arc::new(Scenario::read(&file));
    let ledger = Ledger::default();
    let house = House::with(Arc::new(MemoryStore::with_key([7; 32])), false, |clock: &Arc<dyn Clock>| {
        let targets = scenario.targets(clock, &ledger);
        targets.map(|(name, target)| (name, Arc::new(target) as Arc<dyn Target>)).into()
    });
    let body = json!({"agentName": "tennis", "foundationModel": "m", "instruction": "You book tennis courts for people who ask you."});
    let told = house.told("PUT", "/agents/", body.to_string().into()).await;
    let agent = told.body["agent"]["agentId"].as_str().unwrap().to_owned();
    house.told("POST", &format!("/agents/{agent}/"), Bytes::new()).await;

    // The first try is cut off at once, the others come while it runs and when it has ended.
    let cut = frames(&house, &agent, ("one", "hi"), 1).await;
    let second = frames(&house, &agent, ("one", "hi"), usize::MAX).await;
    let third = frames(&house, &agent, ("one", "hi"), usize::MAX).await;
    assert!(second.len() > 2, "{second:?}");
    assert_eq!(cut[0], second[0]);
    assert_eq!(second, third);
    assert_eq!(ledger.effects().len(), 1, "the model was called again");

    frames(&house, &agent, ("two", "hi"), usize::MAX).await;
    frames(&house, &agent, ("one", "and now?"), usize::MAX).await;
    assert_eq!(ledger.effects().len(), 3, "another request is another turn");
}
