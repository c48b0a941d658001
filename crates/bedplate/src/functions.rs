//! What `[functions.NAME]` says about calls by agents: how often they are made again, and who hears of a failure.

use std::collections::BTreeMap;

use bedplate_base::BoxFuture;
use bedplate_journal::{Call, Outcome, Payload, Progress, Raw, Target, Value};
use bedplate_lambda::{FunctionConfig, LambdaTarget, Reference};
use serde::Deserialize;
use serde_json::json;

/// Calls functions by the configuration's rules. Every try of a call has the same idempotency key.
pub(crate) struct Functions {
    target: LambdaTarget,
    rules: BTreeMap<String, Rule>,
}

/// How calls of one function are made.
#[derive(Clone, Copy, Default)]
struct Rule {
    retries: u32,
    errors_to_model: bool,
}

#[derive(Deserialize)]
struct Input {
    function: String,
}

impl Functions {
    /// Calls through `target` by the rules of `functions`.
    pub(crate) fn new(target: LambdaTarget, functions: &BTreeMap<String, FunctionConfig>) -> Self {
        let rule = |config: &FunctionConfig| Rule {
            retries: config.retries.unwrap_or(0),
            errors_to_model: config.errors_to_model.unwrap_or(false),
        };
        let rules = functions.iter().map(|(name, config)| (name.clone(), rule(config))).collect();
        Self { target, rules }
    }

    /// The rule of the function that a call names: of its whole ARN first, then of its name.
    fn rule(&self, payload: &Payload) -> Rule {
        let Payload::Raw(raw) = payload else { return Rule::default() };
        if self.rules.is_empty() {
            return Rule::default();
        }
        let Ok(input) = serde_json::from_str::<Input>(raw.as_str()) else {
            return Rule::default();
        };
        let by_name = || Reference::parse(&input.function).ok().and_then(|found| self.rules.get(&found.name));
        self.rules.get(&input.function).or_else(by_name).copied().unwrap_or_default()
    }
}

impl Target for Functions {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let rule = self.rule(&payload);
            let mut outcome = self.target.call(call, payload.clone(), progress.clone()).await;
            for again in 1..=rule.retries {
                let Outcome::Failure { error, cause } = &outcome else { break };
                tracing::warn!(target: "lambda", exec = %call.exec, again, error, cause, "the call failed and is made again with the same key");
                outcome = self.target.call(call, payload.clone(), progress.clone()).await;
            }
            match outcome {
                Outcome::Failure { error, cause } if rule.errors_to_model => {
                    let told = json!({"toolError": format!("{error}: {cause}")});
                    Outcome::Success(Value::inline(Raw::json(&told)))
                }
                other => other,
            }
        })
    }
}
