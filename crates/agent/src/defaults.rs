//! Defaults of every agent: limits, sampling, prompts. The prompts are files beside this one, in our own words.

use bedplate_converse::Inference;

/// Model calls of one turn at most; the service publishes no number, five in a turn are known to pass.
pub const STEPS_MAX: u32 = 25;
/// Seconds after which an idle session starts afresh when the agent names none.
pub const IDLE_TTL_S: u64 = 600;
/// Turns that may wait for a session while one runs.
pub const QUEUE_MAX: usize = 16;
/// Requests of a session whose next tries are recognised. Ours: clients try again within seconds.
pub const TRIES_MAX: usize = 64;
/// Milliseconds that one model call may take.
pub const MODEL_MS_MAX: u64 = 300_000;
/// Milliseconds that one function call may take: Lambda's 15 minutes and a margin for its start.
pub const LAMBDA_MS_MAX: u64 = 930_000;
/// Actions of one `returnControl` event at most (the API model's maximum).
pub const ASKED_MAX: usize = 5;
/// Tool uses that are taken from one model reply.
pub const ACTS_MAX: usize = 32;

/// Stop sequences of the orchestration step: part of the configuration and of the trace, never sent to a model, because
/// tools are called natively.
pub const STOP_SEQUENCES: [&str; 3] = ["</invoke>", "</answer>", "</error>"];

/// System prompt of the orchestration step.
pub const ORCHESTRATION: &str = include_str!("prompts/orchestration.txt");
/// Prompt of the pre-processing step.
pub const PRE_PROCESSING: &str = include_str!("prompts/pre_processing.txt");
/// Prompt of the post-processing step.
pub const POST_PROCESSING: &str = include_str!("prompts/post_processing.txt");
/// Prompt that answers from search results.
pub const KNOWLEDGE_BASE: &str = include_str!("prompts/knowledge_base_response_generation.txt");
/// Prompt that summarises a session.
pub const MEMORY: &str = include_str!("prompts/memory_summarization.txt");

/// Sampling of the orchestration step.
pub fn inference() -> Inference {
    Inference {
        temperature: Some(0.0),
        top_p: Some(1.0),
        top_k: Some(250),
        max_tokens: Some(2048),
        stop_sequences: Vec::new(),
    }
}
