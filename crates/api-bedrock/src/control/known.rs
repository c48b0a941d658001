//! Well-known models: what their makers publish about them, so that clients that choose from a list find what they know.
//!
//! A model that is not here works as well: it is the routes that decide who answers. Sources: the user guide's "Supported foundation models in
//! Amazon Bedrock" and "Supported Regions and models for inference profiles", November 2026; no claim to be whole.

/// What a model takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// Text in, text out.
    Text,
    /// Text and images in, text out.
    Vision,
    /// Text in, numbers out.
    Embedding,
}

/// A model.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// `anthropic.claude-3-haiku-20240307-v1:0`
    pub(crate) id: &'static str,
    /// For people.
    pub(crate) name: &'static str,
    pub(crate) sort: Sort,
    /// The groups of regions that have an inference profile of it.
    pub(crate) groups: &'static [&'static str],
}

const NONE: &[&str] = &[];
const US: &[&str] = &["us"];
const ALL: &[&str] = &["us", "eu", "apac"];
const GLOBAL: &[&str] = &["us", "eu", "global"];

const fn known(id: &'static str, name: &'static str, sort: Sort, groups: &'static [&'static str]) -> Known {
    Known { id, name, sort, groups }
}

/// In the order of their ids.
pub(crate) const MODELS: &[Known] = &[
    known("ai21.jamba-1-5-large-v1:0", "Jamba 1.5 Large", Sort::Text, NONE),
    known("ai21.jamba-1-5-mini-v1:0", "Jamba 1.5 Mini", Sort::Text, NONE),
    known("amazon.nova-lite-v1:0", "Nova Lite", Sort::Vision, ALL),
    known("amazon.nova-micro-v1:0", "Nova Micro", Sort::Text, ALL),
    known("amazon.nova-premier-v1:0", "Nova Premier", Sort::Vision, US),
    known("amazon.nova-pro-v1:0", "Nova Pro", Sort::Vision, ALL),
    known("amazon.titan-embed-text-v1", "Titan Embeddings", Sort::Embedding, NONE),
    known("amazon.titan-embed-text-v2:0", "Titan Embeddings V2", Sort::Embedding, NONE),
    known("amazon.titan-text-express-v1", "Titan Text Express", Sort::Text, NONE),
    known("amazon.titan-text-lite-v1", "Titan Text Lite", Sort::Text, NONE),
    known("anthropic.claude-3-5-haiku-20241022-v1:0", "Claude 3.5 Haiku", Sort::Text, US),
    known("anthropic.claude-3-5-sonnet-20240620-v1:0", "Claude 3.5 Sonnet", Sort::Vision, ALL),
    known(
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "Claude 3.5 Sonnet v2",
        Sort::Vision,
        ALL,
    ),
    known("anthropic.claude-3-7-sonnet-20250219-v1:0", "Claude 3.7 Sonnet", Sort::Vision, ALL),
    known("anthropic.claude-3-haiku-20240307-v1:0", "Claude 3 Haiku", Sort::Vision, ALL),
    known("anthropic.claude-3-opus-20240229-v1:0", "Claude 3 Opus", Sort::Vision, US),
    known("anthropic.claude-3-sonnet-20240229-v1:0", "Claude 3 Sonnet", Sort::Vision, ALL),
    known("anthropic.claude-haiku-4-5-20251001-v1:0", "Claude Haiku 4.5", Sort::Vision, GLOBAL),
    known("anthropic.claude-opus-4-1-20250805-v1:0", "Claude Opus 4.1", Sort::Vision, US),
    known("anthropic.claude-opus-4-20250514-v1:0", "Claude Opus 4", Sort::Vision, US),
    known("anthropic.claude-sonnet-4-20250514-v1:0", "Claude Sonnet 4", Sort::Vision, GLOBAL),
    known(
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "Claude Sonnet 4.5",
        Sort::Vision,
        GLOBAL,
    ),
    known("cohere.command-r-plus-v1:0", "Command R+", Sort::Text, NONE),
    known("cohere.command-r-v1:0", "Command R", Sort::Text, NONE),
    known("cohere.embed-english-v3", "Embed English", Sort::Embedding, NONE),
    known("cohere.embed-multilingual-v3", "Embed Multilingual", Sort::Embedding, NONE),
    known("deepseek.r1-v1:0", "DeepSeek-R1", Sort::Text, US),
    known("meta.llama3-1-70b-instruct-v1:0", "Llama 3.1 70B", Sort::Text, US),
    known("meta.llama3-1-8b-instruct-v1:0", "Llama 3.1 8B", Sort::Text, US),
    known("meta.llama3-3-70b-instruct-v1:0", "Llama 3.3 70B", Sort::Text, US),
    known("meta.llama3-70b-instruct-v1:0", "Llama 3 70B", Sort::Text, NONE),
    known("meta.llama3-8b-instruct-v1:0", "Llama 3 8B", Sort::Text, NONE),
    known("meta.llama4-maverick-17b-instruct-v1:0", "Llama 4 Maverick", Sort::Vision, US),
    known("meta.llama4-scout-17b-instruct-v1:0", "Llama 4 Scout", Sort::Vision, US),
    known("mistral.mistral-7b-instruct-v0:2", "Mistral 7B", Sort::Text, NONE),
    known("mistral.mistral-large-2402-v1:0", "Mistral Large", Sort::Text, NONE),
    known("mistral.mixtral-8x7b-instruct-v0:1", "Mixtral 8x7B", Sort::Text, NONE),
    known("mistral.pixtral-large-2502-v1:0", "Pixtral Large", Sort::Vision, US),
    known("openai.gpt-oss-120b-1:0", "gpt-oss-120b", Sort::Text, NONE),
    known("openai.gpt-oss-20b-1:0", "gpt-oss-20b", Sort::Text, NONE),
    known("qwen.qwen3-32b-v1:0", "Qwen3 32B", Sort::Text, NONE),
];

/// The maker of a model, by its id; an id that names none is ours to route.
pub(crate) fn maker(id: &str) -> &str {
    let makers = [
        ("ai21", "AI21 Labs"),
        ("amazon", "Amazon"),
        ("anthropic", "Anthropic"),
        ("cohere", "Cohere"),
        ("deepseek", "DeepSeek"),
        ("meta", "Meta"),
        ("mistral", "Mistral AI"),
        ("openai", "OpenAI"),
        ("qwen", "Qwen"),
        ("stability", "Stability AI"),
        ("writer", "Writer"),
    ];
    let prefix = id.split_once('.').filter(|_| !id.contains('/')).map(|(prefix, _)| prefix);
    makers
        .iter()
        .find(|(name, _)| Some(*name) == prefix)
        .map_or("Bedplate", |(_, maker)| *maker)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_in_order_and_names_fit_the_model_file() {
        let ids: Vec<&str> = MODELS.iter().map(|model| model.id).collect();
        let sorted: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids, sorted.into_iter().collect::<Vec<_>>());
        for model in MODELS {
            assert!(model.name.len() <= 20, "{}", model.name);
            assert_ne!(maker(model.id), "Bedplate", "{}", model.id);
        }
    }
}
