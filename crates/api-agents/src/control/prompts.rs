//! Prompt configurations as clients see them: what the user overrode, and our defaults for the rest.
//!
//! `GetAgent` lists a configuration for every step that the agent may take, because clients read the list without asking
//! whether it is there (Terraform does).

use bedplate_agent::defaults;
use bedplate_wire_bedrock_agent::types::{
    CreationMode, InferenceConfiguration, PromptConfiguration, PromptOverrideConfiguration, PromptState, PromptType,
};
use serde_json::json;

/// The user's overrides, completed by defaults; `memory` tells whether the agent keeps memory.
pub(crate) fn present(overrides: Option<&PromptOverrideConfiguration>, memory: bool) -> PromptOverrideConfiguration {
    let mut steps = vec![
        PromptType::PreProcessing,
        PromptType::Orchestration,
        PromptType::PostProcessing,
        PromptType::KnowledgeBaseResponseGeneration,
    ];
    if memory {
        steps.push(PromptType::MemorySummarization);
    }
    let given = overrides
        .map(|overrides| overrides.prompt_configurations.as_slice())
        .unwrap_or_default();
    for one in given.iter().filter_map(|one| one.prompt_type) {
        if !steps.contains(&one) {
            steps.push(one);
        }
    }
    let configurations = steps.into_iter().map(|step| {
        let given = given.iter().find(|one| one.prompt_type == Some(step));
        match given {
            Some(given) if given.prompt_creation_mode == Some(CreationMode::Overridden) => overridden(given, step),
            // The template is the default one; what else was said comes back, even when PrepareAgent refuses it.
            Some(given) => PromptConfiguration {
                prompt_state: given.prompt_state.or(default(step).prompt_state),
                prompt_creation_mode: Some(CreationMode::Default),
                base_prompt_template: default(step).base_prompt_template,
                ..overridden(given, step)
            },
            None => default(step),
        }
    });
    PromptOverrideConfiguration {
        prompt_configurations: configurations.collect(),
        override_lambda: overrides.and_then(|overrides| overrides.override_lambda.clone()),
    }
}

/// An override with what it left out.
fn overridden(given: &PromptConfiguration, step: PromptType) -> PromptConfiguration {
    let default = default(step);
    PromptConfiguration {
        prompt_state: given.prompt_state.or(Some(PromptState::Enabled)),
        parser_mode: given.parser_mode.or(default.parser_mode),
        base_prompt_template: given.base_prompt_template.clone().or(default.base_prompt_template),
        inference_configuration: given.inference_configuration.clone().or(default.inference_configuration),
        ..given.clone()
    }
}

/// The configuration of a step that nobody overrode.
pub(super) fn default(step: PromptType) -> PromptConfiguration {
    let (enabled, template, maximum_length, stop) = match step {
        PromptType::PreProcessing => (false, messages(defaults::PRE_PROCESSING), 2048, ["\n\nHuman:"].as_slice()),
        PromptType::PostProcessing => (false, messages(defaults::POST_PROCESSING), 2048, ["\n\nHuman:"].as_slice()),
        PromptType::KnowledgeBaseResponseGeneration => (true, defaults::KNOWLEDGE_BASE.to_owned(), 2048, ["\n\nHuman:"].as_slice()),
        PromptType::MemorySummarization => (true, messages(defaults::MEMORY), 4096, ["\n\nHuman:"].as_slice()),
        _ => (true, orchestration(), 2048, defaults::STOP_SEQUENCES.as_slice()),
    };
    PromptConfiguration {
        prompt_type: Some(step),
        prompt_creation_mode: Some(CreationMode::Default),
        prompt_state: Some(if enabled { PromptState::Enabled } else { PromptState::Disabled }),
        base_prompt_template: Some(template),
        inference_configuration: Some(InferenceConfiguration {
            temperature: Some(0.0),
            top_p: Some(1.0),
            top_k: Some(250),
            maximum_length: Some(maximum_length),
            stop_sequences: Some(stop.iter().map(|stop| (*stop).to_owned()).collect()),
        }),
        parser_mode: Some(CreationMode::Default),
        ..PromptConfiguration::default()
    }
}

/// Templates are Messages documents in text form.
fn messages(prompt: &str) -> String {
    let messages = json!([{"role": "user", "content": prompt}]);
    json!({"anthropic_version": "bedrock-2023-05-31", "messages": messages}).to_string()
}

fn orchestration() -> String {
    let messages = json!([
        {"role": "user", "content": "$question$"},
        {"role": "assistant", "content": "$agent_scratchpad$"},
    ]);
    json!({"anthropic_version": "bedrock-2023-05-31", "system": defaults::ORCHESTRATION, "messages": messages}).to_string()
}
