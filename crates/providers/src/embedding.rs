//! Embeddings: texts to a provider, numbers back. Only what speaks OpenAI's API has them.

use serde_json::{Map, Value, json};

use crate::protocol::Post;
use crate::server::Server;
use crate::{Failure, Fault, Models};

/// Most numbers of one embedding. Ours: the longest published ones have 12,288.
const DIMENSIONS_MAX: usize = 65_536;

/// Texts as numbers, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One list for each text.
    pub vectors: Vec<Vec<f32>>,
    /// Name of the provider that answered, as the configuration has it.
    pub provider: String,
    /// The model that answered, as its provider names it.
    pub model: String,
    /// Tokens that were read.
    pub input_tokens: u64,
}

impl Models {
    /// Asks whoever answers for `model`; `dimensions` is how many numbers are wanted, where the model lets one choose.
    ///
    /// # Errors
    /// `Validation` when whoever answers has no embeddings; else what failed.
    pub async fn embed(&self, model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Embedded, Failure> {
        let route = self
            .route(model)
            .map_err(|unrouted| Failure::new(Fault::Validation, unrouted.message))?;
        match self.server(&route.provider) {
            Some(server) => {
                let embedded = server.embed(&route.model, texts, dimensions).await?;
                Ok(Embedded {
                    provider: route.provider,
                    model: route.model,
                    ..embedded
                })
            }
            None => Err(Failure::new(
                Fault::Validation,
                format!(
                    "{}/{} has no embeddings; route the model to a provider of kind \"openai\" that serves /embeddings",
                    route.provider, route.model
                ),
            )),
        }
    }
}

impl Server {
    async fn embed(&self, model: &str, texts: &[String], dimensions: Option<u32>) -> Result<Embedded, Failure> {
        let asked = async {
            let post = self.protocol.embed(model, texts, dimensions)?;
            let value = self.ask(post).await?;
            read(&value, texts.len())
        };
        asked.await.map_err(|failure| self.failed(failure))
    }

    /// One POST with a whole JSON answer, tried once.
    pub(crate) async fn ask(&self, post: Post) -> Result<Value, Failure> {
        let _place = self.gate.place().await?;
        let wait = self.limits.reply;
        let response = self.send(post, "application/json", wait).await?;
        self.json(response, wait).await
    }
}

/// The body of OpenAI's `/embeddings` (API reference, "Create embeddings").
pub(crate) fn body(model: &str, texts: &[String], dimensions: Option<u32>) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".into(), json!(model));
    body.insert("input".into(), json!(texts));
    body.insert("encoding_format".into(), json!("float"));
    if let Some(dimensions) = dimensions {
        body.insert("dimensions".into(), json!(dimensions));
    }
    Value::Object(body).to_string().into_bytes()
}

fn read(value: &Value, count: usize) -> Result<Embedded, Failure> {
    let wrong = |what: &str| Failure::raw(Fault::Malformed, format!("answered with embeddings that cannot be read: {what}"));
    let items = value["data"].as_array().ok_or_else(|| wrong("there is no data"))?;
    if items.len() != count {
        return Err(wrong(&format!("{} for {count} texts", items.len())));
    }
    let mut vectors = vec![Vec::new(); count];
    for (position, item) in items.iter().enumerate() {
        let index = item["index"]
            .as_u64()
            .and_then(|index| usize::try_from(index).ok())
            .unwrap_or(position);
        let numbers = item["embedding"].as_array().ok_or_else(|| wrong("one is no list"))?;
        let place = vectors.get_mut(index).filter(|place| place.is_empty());
        let place = place.ok_or_else(|| wrong("an index stands twice or leads nowhere"))?;
        if numbers.is_empty() || numbers.len() > DIMENSIONS_MAX {
            return Err(wrong(&format!("one has {} numbers", numbers.len())));
        }
        *place = numbers
            .iter()
            .map(|number| number.as_f64().map(|number| number as f32))
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("one holds something else than numbers"))?;
    }
    Ok(Embedded {
        vectors,
        input_tokens: value["usage"]["prompt_tokens"].as_u64().unwrap_or_default(),
        ..Embedded::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_in_the_order_of_their_indices() {
        let usage = json!({"prompt_tokens": 7});
        let data = json!([{"index": 1, "embedding": [0.5]}, {"index": 0, "embedding": [1, 0.25]}]);
        let embedded = read(&json!({"data": data, "usage": usage}), 2).unwrap();
        assert_eq!(embedded.vectors, [vec![1.0, 0.25], vec![0.5]]);
        assert_eq!(embedded.input_tokens, 7);
        for data in [
            json!(null),
            json!([]),
            json!([{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]),
            json!([{"index": 0, "embedding": [1]}, {"index": 7, "embedding": [1]}]),
            json!([{"embedding": [1]}, {"embedding": ["1"]}]),
            json!([{"embedding": [1]}, {"embedding": []}]),
        ] {
            let failure = read(&json!({"data": data}), 2).unwrap_err();
            assert_eq!(failure.fault, Fault::Malformed, "{data}");
        }
    }
}
