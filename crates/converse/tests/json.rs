//! The Converse API's forms, read and written again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bedplate_converse::{Block, CachePoint, CacheTtl, Message, Reply, Request, ResultPart, Role, StopReason, SystemBlock, Tool, Usage};
use serde_json::{Value, json};

#[test]
fn blocks_come_out_as_they_went_in() {
    let blocks = json!([
        {"text": "Hello"},
        {"citationsContent": {"content": [{"text": "Four."}], "citations": [{"title": "plan", "location": {"web": {"url": "https://x"}}}]}},
        {"image": {"format": "png", "source": {"bytes": "aW1n"}}},
        {"image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/k", "bucketOwner": "000000000000"}}}},
        {"document": {"format": "pdf", "name": "plan", "source": {"bytes": "cGRm"}, "context": "Old", "citations": {"enabled": true}}},
        {"document": {"name": "plan", "source": {"text": "All of it"}}},
        {"document": {"format": "txt", "name": "plan", "source": {"content": [{"text": "a"}, {"text": "b"}]}}},
        {"video": {"format": "three_gp", "source": {"s3Location": {"uri": "s3://b/k"}}}},
        {"audio": {"format": "wav", "source": {"bytes": "d2F2"}}},
        {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"reasoningText": {"text": "Hm."}}},
        {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
        {"toolUse": {"toolUseId": "t1", "name": "one", "input": {"x": [1, null]}}},
        {"toolResult": {"toolUseId": "t1", "content": [
            {"text": "4"}, {"json": {"a": 1}}, {"image": {"format": "png", "source": {"bytes": "aW1n"}}},
            {"document": {"format": "md", "name": "n", "source": {"bytes": "bQ=="}}}, {"searchResult": {"source": "s", "title": "t", "content": []}}
        ], "status": "error"}},
        {"toolResult": {"toolUseId": "t2", "content": [], "status": "success"}},
        {"cachePoint": {"type": "default"}},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"guardContent": {"text": {"text": "Mind this.", "qualifiers": ["query"]}}},
        {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}},
    ]);
    for block in blocks.as_array().unwrap() {
        assert_eq!(&Block::from_json(block).unwrap().to_json(), block);
    }
    let message = json!({"role": "user", "content": blocks});
    assert_eq!(Message::from_json(&message).unwrap().to_json(), message);
    assert_eq!(Message::from_json(&message).unwrap().text(), "HelloFour.");
}

#[test]
fn what_is_no_block_is_refused() {
    for wrong in [
        json!({}),
        json!(null),
        json!("text"),
        json!({"text": 1}),
        json!({"image": {"format": "png"}}),
        json!({"image": {"format": "png", "source": {"url": "https://x"}}}),
        json!({"document": {"format": "pdf", "source": {"bytes": "cGRm"}}}),
        json!({"toolUse": {"name": "one"}}),
        json!({"toolResult": {"content": []}}),
        json!({"toolResult": {"toolUseId": "t", "content": [{"sound": 1}]}}),
        json!({"somethingNew": {}}),
    ] {
        let error = Block::from_json(&wrong).unwrap_err();
        assert!(error.message.starts_with("The message is malformed"), "{wrong}: {}", error.message);
    }
}

#[test]
fn a_system_prompt_is_blocks_and_a_text() {
    let blocks = json!([{"text": "One."}, {"cachePoint": {"type": "default", "ttl": "5m"}}, {"guardContent": {"text": {"text": "Two."}}}, {"text": ""}]);
    let system: Vec<SystemBlock> = blocks
        .as_array()
        .unwrap()
        .iter()
        .map(|block| SystemBlock::from_json(block).unwrap())
        .collect();
    assert_eq!(system.iter().map(SystemBlock::to_json).collect::<Value>(), blocks);
    assert_eq!(
        system[1],
        SystemBlock::CachePoint(CachePoint {
            ttl: Some(CacheTtl::FiveMinutes)
        })
    );
    let request = Request {
        system,
        ..Request::default()
    };
    assert_eq!(request.system_text(), "One.\nTwo.");
    assert_eq!(request.to_trace_json(), json!({"system": "One.\nTwo.", "messages": []}));
    assert!(SystemBlock::text("").is_empty());
}

#[test]
fn a_tools_answer_as_one_text() {
    let parts = [ResultPart::Text("a ".into()), ResultPart::Json(json!({"b": 1}))];
    assert_eq!(ResultPart::join(&parts), r#"a {"b":1}"#);
}

#[test]
fn tools() {
    let tool = Tool {
        name: "one".into(),
        schema: json!({"type": "object"}),
        strict: Some(true),
        ..Tool::default()
    };
    assert_eq!(
        tool.to_json(),
        json!({"toolSpec": {"name": "one", "inputSchema": {"json": {"type": "object"}}, "strict": true}})
    );
}

#[test]
fn replies() {
    let whole = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "Yes"}]}},
        "stopReason": "model_context_window_exceeded",
        "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 22, "cacheReadInputTokens": 8, "cacheWriteInputTokens": 5},
        "model": "m",
        "provider": "p",
        "metrics": {"latencyMs": 431},
        "additionalModelResponseFields": {"a": 1},
        "performanceConfig": {"latency": "optimized"},
        "serviceTier": {"type": "flex"},
        "lostUsage": {"inputTokens": 1, "outputTokens": 0, "totalTokens": 1},
        "trace": {"guardrail": {}},
    });
    let reply = Reply::from_json(&whole).unwrap();
    assert_eq!(reply.to_json(), whole);
    assert_eq!(reply.usage.input_tokens, 20);
    let plain = Reply {
        message: Message::assistant("Yes"),
        model: "m".into(),
        ..Reply::default()
    };
    assert_eq!(plain.message.role, Role::Assistant);
    assert_eq!(
        plain.to_json(),
        json!({
            "output": {"message": {"role": "assistant", "content": [{"text": "Yes"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
            "model": "m",
        })
    );
    for stop in StopReason::ALL {
        assert_eq!(StopReason::parse(stop.as_str()), Some(stop));
    }
}

/// Replies that were journaled when cached tokens counted among `inputTokens` still mean the same.
#[test]
fn older_journals() {
    let older = json!({"inputTokens": 100, "outputTokens": 7, "totalTokens": 107, "cacheReadInputTokens": 64, "cacheWriteInputTokens": 0});
    let usage = Usage::from_json(&older);
    assert_eq!(
        (usage.input_tokens, usage.cache_read_tokens, usage.uncached_input_tokens()),
        (100, 64, 36)
    );
    assert_eq!(Usage::from_json(&usage.to_json()), usage);
}
