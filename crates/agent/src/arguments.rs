//! Arguments of a tool use, checked against the schema before anything runs. All values travel as texts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Action, Parameter, ParameterType};

/// An argument as handlers, clients and traces see it: always text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// The parameter's name.
    pub name: String,
    /// The parameter's type: `string`, `number`, `integer`, `boolean`, `array`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value as text: `10`, `true`, `["a","b"]`.
    pub value: String,
}

/// Checks `input` against the action's schema, in the order in which the model gave the arguments.
///
/// # Errors
/// A text for the model that names every problem.
pub(crate) fn check(action: &Action, input: &Value) -> Result<Vec<Argument>, String> {
    let empty = serde_json::Map::new();
    let given = match input {
        Value::Object(given) => given,
        Value::Null => &empty,
        other => {
            return Err(format!(
                "The arguments of {} must be a JSON object, but they are: {}",
                action.tool,
                short(other)
            ));
        }
    };
    let mut problems = Vec::new();
    let mut arguments = Vec::new();
    for (name, value) in given {
        let Some(parameter) = action.parameters.iter().find(|one| one.name == *name) else {
            problems.push(format!("'{name}' is not a parameter of {}; it has {}", action.tool, names(action)));
            continue;
        };
        if value.is_null() {
            continue;
        }
        match text(parameter, value) {
            Ok(text) => arguments.push(Argument {
                name: name.clone(),
                kind: parameter.kind.as_str().into(),
                value: text,
            }),
            Err(problem) => problems.push(problem),
        }
    }
    for parameter in action.parameters.iter().filter(|one| one.required) {
        if given.get(&parameter.name).is_none_or(Value::is_null) {
            problems.push(format!("the required parameter '{}' is missing", parameter.name));
        }
    }
    if problems.is_empty() {
        Ok(arguments)
    } else {
        Err(format!("{} was not called: {}.", action.tool, problems.join("; ")))
    }
}

fn text(parameter: &Parameter, value: &Value) -> Result<String, String> {
    let fits = match (parameter.kind, value) {
        (ParameterType::String, Value::String(text)) => return Ok(text.clone()),
        (ParameterType::String, Value::Object(_) | Value::Array(_)) => false,
        (ParameterType::String, other) => return Ok(other.to_string()),
        (ParameterType::Number, Value::Number(_)) => true,
        (ParameterType::Number, Value::String(text)) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
        (ParameterType::Integer, Value::Number(number)) => {
            if let Some(float) = number.as_f64()
                && !(number.is_i64() || number.is_u64())
                && float.fract() == 0.0
                && float.abs() < 9e15
            {
                return Ok(format!("{float:.0}"));
            }
            number.is_i64() || number.is_u64()
        }
        (ParameterType::Integer, Value::String(text)) => text.trim().parse::<i64>().is_ok(),
        (ParameterType::Boolean, Value::Bool(_)) => true,
        (ParameterType::Boolean, Value::String(text)) => matches!(text.trim(), "true" | "false"),
        (ParameterType::Array, Value::Array(_)) => true,
        (ParameterType::Array, Value::String(text)) => serde_json::from_str::<Vec<Value>>(text).is_ok(),
        _ => false,
    };
    match value {
        Value::String(text) if fits => Ok(text.trim().to_owned()),
        other if fits => Ok(other.to_string()),
        other => Err(format!(
            "'{}' must be of type {}, but is {}",
            parameter.name,
            parameter.kind.as_str(),
            short(other)
        )),
    }
}

fn names(action: &Action) -> String {
    match action.parameters.as_slice() {
        [] => "none".into(),
        some => some.iter().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 80 {
        text
    } else {
        format!("{}…", text.chars().take(80).collect::<String>())
    }
}
