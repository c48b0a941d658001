//! Embeddings: Amazon Titan Text Embeddings and Cohere Embed (user guide, the families' pages).

use bedplate_converse::Usage;
use bedplate_wire::{Context, Fault, Value};
use serde_json::json;

use super::super::fault::{self, invalid};
use super::body::{Body, malformed};
use crate::State;

/// Texts of one request to Cohere Embed (its page of the user guide).
const TEXTS_MAX: usize = 96;

/// What is to be embedded, and the form of the answer.
pub(super) struct Wanted {
    texts: Vec<String>,
    dimensions: Option<u32>,
    cohere: bool,
    /// Titan's `normalize`, on unless told otherwise.
    normalize: bool,
    /// The version of Titan's form that tells embeddings by type.
    by_type: bool,
}

/// Reads a body for embeddings.
pub(super) fn read(model: &str, mut body: Body) -> Result<Wanted, Fault> {
    let cohere = body.has("texts") || model.contains("cohere.embed");
    let wanted = if cohere {
        if body.has("images") {
            return Err(malformed("#/images", "images are not supported: only texts can be embedded"));
        }
        let texts = body.texts("texts")?.unwrap_or_default();
        if texts.is_empty() || texts.len() > TEXTS_MAX {
            return Err(malformed(
                "#/texts",
                &format!("expected 1 to {TEXTS_MAX} texts, found {}", texts.len()),
            ));
        }
        if let Some(types) = body.texts("embedding_types")?
            && types.iter().any(|sort| sort != "float")
        {
            return Err(malformed("#/embedding_types", "only float is supported"));
        }
        Wanted {
            texts,
            dimensions: body.whole("output_dimension", 1)?,
            cohere,
            normalize: false,
            by_type: false,
        }
    } else {
        if body.has("inputImage") {
            return Err(malformed(
                "#/inputImage",
                "images are not supported: only inputText can be embedded",
            ));
        }
        let text = body.need_text("inputText")?;
        if let Some(types) = body.texts("embeddingTypes")?
            && types.iter().any(|sort| sort != "float")
        {
            return Err(malformed("#/embeddingTypes", "only float is supported"));
        }
        Wanted {
            texts: vec![text],
            dimensions: body.whole("dimensions", 1)?,
            cohere,
            normalize: body.take("normalize") != Some(Value::Bool(false)),
            by_type: model.contains("embed-text-v2"),
        }
    };
    if let Some(blank) = wanted.texts.iter().position(String::is_empty) {
        return Err(invalid(format!(
            "Malformed input request: text {blank} is empty: expected minLength: 1, actual: 0, please reformat your input and try again."
        )));
    }
    Ok(wanted)
}

pub(super) async fn answer(state: &State, context: &Context, model: &str, wanted: Wanted) -> Result<(Value, Usage), Fault> {
    let embedded = state.embed(context, model, &wanted.texts, wanted.dimensions).await;
    let embedded = embedded.map_err(|failure| fault::of(&failure))?;
    let usage = Usage {
        input_tokens: embedded.input_tokens,
        ..Usage::default()
    };
    let mut vectors = embedded.vectors;
    if wanted.normalize {
        vectors.iter_mut().for_each(|vector| normalize(vector));
    }
    if wanted.cohere {
        let value = json!({
            "id": context.request_id, "texts": wanted.texts, "embeddings": vectors, "response_type": "embeddings_floats",
        });
        return Ok((value, usage));
    }
    let vector = vectors.into_iter().next().unwrap_or_default();
    let mut value = json!({"embedding": vector, "inputTextTokenCount": embedded.input_tokens});
    if wanted.by_type {
        value["embeddingsByType"] = json!({"float": value["embedding"]});
    }
    Ok((value, usage))
}

/// Length one.
fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    }
}
