//! Which provider answers for a model id. Pure: nothing switches by itself because a key or a server happens to be there.

use std::collections::BTreeSet;
use std::sync::Arc;

use bedplate_base::{Error, Result};

use crate::config::{BUILTIN, ROUTES_MAX, TO_MAX};
use crate::{ModelsConfig, RouteConfig};

/// Most characters of a model id (CreateAgent's `foundationModel`: 2048, service model of bedrock-agent).
const MODEL_CHARS_MAX: usize = 2048;
/// Groups of regions that begin the ids of inference profiles (Bedrock user guide, "Supported Regions and models for
/// inference profiles").
const REGION_GROUPS: [&str; 11] = ["us", "us-gov", "eu", "apac", "au", "jp", "ca", "sa", "me", "af", "global"];
/// The planner's name behind the provider.
const PLANNER: &str = "planner";

/// Who uses the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A developer's machine: ids without a route run on `builtin/planner`.
    Dev,
    /// A server: ids without a route are an error.
    Serve,
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the provider: `ollama`, `openai`, `builtin` or one from the configuration.
    pub provider: String,
    /// The model as the provider names it.
    pub model: String,
    /// Whether nothing matched and the planner steps in.
    pub fallback: bool,
    /// Who is asked next, in this order, when that one fails: provider and model.
    pub next: Arc<[(String, String)]>,
}

/// Nobody answers for a model id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrouted {
    /// What to configure, with the lines to add.
    pub message: String,
}

/// The compiled routes.
#[derive(Clone, Debug)]
pub struct Routes {
    routes: Vec<Compiled>,
    mode: Mode,
}

#[derive(Clone, Debug)]
struct Compiled {
    pattern: String,
    first: (String, String),
    next: Arc<[(String, String)]>,
}

impl Routes {
    /// Checks and compiles the routes of `config`. `known` are the names of providers that a route may lead to.
    pub fn compile(config: &ModelsConfig, mode: Mode, known: &BTreeSet<&str>) -> Result<Self> {
        if config.routes.len() > ROUTES_MAX {
            return Err(Error::validation(format!(
                "bedplate.toml: {} [[route]] entries, at most {ROUTES_MAX} are allowed",
                config.routes.len()
            )));
        }
        let routes = config
            .routes
            .iter()
            .enumerate()
            .map(|(index, route)| compile(index, route, known).map_err(|error| crate::models::at(error, format!("route.{index}"))))
            .collect::<Result<_>>()?;
        Ok(Self { routes, mode })
    }

    /// Who answers for `model`: the first route that matches, else a built-in model that is named as such, else what the mode says.
    pub fn find(&self, model: &str) -> Result<Route, Unrouted> {
        let names = names_of(model);
        let matching = self
            .routes
            .iter()
            .find(|route| names.iter().any(|name| matches(&route.pattern, name)));
        if let Some(route) = matching {
            let (provider, model) = &route.first;
            return Ok(Route {
                provider: provider.clone(),
                model: model.clone(),
                fallback: false,
                next: Arc::clone(&route.next),
            });
        }
        if let Some(name) = model.strip_prefix("builtin/")
            && (matches!(name, PLANNER | "echo" | "script")
                || (name.starts_with("script:") && self.mode == Mode::Dev && stays_below(&name[7..])))
        {
            return Ok(Route {
                provider: BUILTIN.into(),
                model: name.into(),
                fallback: false,
                next: Arc::default(),
            });
        }
        match self.mode {
            Mode::Dev => Ok(Route {
                provider: BUILTIN.into(),
                model: PLANNER.into(),
                fallback: true,
                next: Arc::default(),
            }),
            Mode::Serve => Err(Unrouted {
                message: format!("no model is configured for {:?}: {}", shown(model), advice(model)),
            }),
        }
    }

    /// The providers and models that routes lead to, each with the number of its route.
    pub(crate) fn used(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.routes.iter().enumerate().flat_map(|(index, route)| {
            let all = std::iter::once(&route.first).chain(route.next.iter());
            all.map(move |(provider, model)| (index, provider.as_str(), model.as_str()))
        })
    }
}

/// The lines to add for `model`, with a model that runs at home.
pub(crate) fn advice(model: &str) -> String {
    format!(
        "add these lines to bedplate.toml (to names any provider/model; \"builtin/planner\" is rule-based, not an LLM):\n\
         [[route]]\nmodel = {:?}\nto = [\"ollama/qwen3\"]",
        shown(model)
    )
}

fn compile(index: usize, route: &RouteConfig, known: &BTreeSet<&str>) -> Result<Compiled> {
    let at = format!("bedplate.toml: [[route]] number {} (model = {:?})", index + 1, shown(&route.model));
    if route.model.is_empty() || route.model.chars().count() > MODEL_CHARS_MAX {
        return Err(Error::validation(format!(
            "{at}: model must be a pattern of 1 to {MODEL_CHARS_MAX} characters, such as \"anthropic.*\""
        )));
    }
    if route.to.is_empty() {
        return Err(Error::validation(format!(
            "{at}: to is empty; name at least one provider/model, such as \"ollama/qwen3\""
        )));
    }
    if route.to.len() > TO_MAX {
        return Err(Error::validation(format!(
            "{at}: to has {} entries, at most {TO_MAX} are asked",
            route.to.len()
        )));
    }
    let to = route.to.iter().map(|entry| {
        let Some((provider, model)) = entry.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty()) else {
            return Err(Error::validation(format!("{at}: {entry:?} in to is not of the form \"provider/model\", such as \"ollama/qwen3\"")));
        };
        if provider == BUILTIN {
            if !matches!(model, PLANNER | "echo" | "script") && model.strip_prefix("script:").is_none_or(str::is_empty) {
                return Err(Error::validation(format!(
                    "{at}: {entry:?} in to is not a built-in model; there are builtin/planner, builtin/echo, builtin/script and builtin/script:FILE"
                )));
            }
        } else if !known.contains(provider) {
            let names: Vec<&str> = known.iter().copied().collect();
            return Err(Error::validation(format!(
                "{at}: provider {provider:?} of {entry:?} is unknown; known are {}. Add [providers.{provider}] with kind (openai, anthropic or bedrock) and what it needs",
                names.join(", ")
            )));
        }
        Ok((provider.to_owned(), model.to_owned()))
    });
    let mut to = to.collect::<Result<Vec<_>>>()?;
    let first = to.remove(0);
    Ok(Compiled {
        pattern: route.model.clone(),
        first,
        next: to.into(),
    })
}

/// The names under which `model` may be matched: itself, the last part of an ARN, and both without a group of regions.
fn names_of(model: &str) -> Vec<&str> {
    let mut names = vec![model];
    if model.starts_with("arn:")
        && let Some((_, last)) = model.rsplit_once('/')
    {
        names.push(last);
    }
    for index in 0..names.len() {
        if let Some((group, rest)) = names[index].split_once('.')
            && REGION_GROUPS.contains(&group)
        {
            names.push(rest);
        }
    }
    names
}

/// Whether `text` fits `pattern`, in which `*` stands for any text. Takes at most length times length steps.
fn matches(pattern: &str, text: &str) -> bool {
    if text.len() > 4 * MODEL_CHARS_MAX {
        return false;
    }
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star_p, star_t)) = star {
            star = Some((star_p, star_t + 1));
            p = star_p + 1;
            t = star_t + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether a path from a client stays in the folder that it is relative to.
fn stays_below(path: &str) -> bool {
    !path.is_empty()
        && std::path::Path::new(path)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// A model id as it may be shown: not longer than a line.
pub(crate) fn shown(model: &str) -> String {
    match model.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &model[..at]),
        None => model.to_owned(),
    }
}
