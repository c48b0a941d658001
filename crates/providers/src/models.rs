//! The one Target behind the name "model": finds who answers, asks, and gives back a Converse reply.
//!
//! The planner is handed in: providers and planner do not know each other.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bedplate_base::{BoxFuture, Error, Result};
use bedplate_converse::{Block, Message, Reply, Request, Role, StopReason, Usage};
use bedplate_journal::{Call, Outcome, Part, Payload, Progress, Raw, Target, Value};

use crate::config::{BUILTIN, MaxTokensField, ProviderKind};
use crate::routing::{advice, shown};
use crate::script::Script;
use crate::trace::traced;
use crate::{Failure, Fault, Mode, ModelsConfig, ProviderConfig, Route, Routes, Server, Unrouted};

/// Into how many parts an answer that was there at once is cut for a streaming client. Ours.
const PARTS: usize = 8;
/// Most model ids whose fallback is remembered as announced. Ours: ids come from clients.
const ANNOUNCED_MAX: usize = 1_000;

/// As a model of a route: the id as it was asked for.
const AS_ASKED: &str = "*";

/// Answers without a model: `builtin/planner`.
pub type Planner = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;
/// Is told, once per model id, that the planner answers for it: the id and one line for people.
pub type Announce = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// What `Models` is made of besides its configuration.
#[derive(Clone)]
pub struct Setup {
    /// Who uses the models.
    pub mode: Mode,
    /// The folder that paths of scripts and key files are relative to: the configuration's.
    pub folder: PathBuf,
    /// `builtin/planner`.
    pub planner: Planner,
    /// Told about fallbacks.
    pub announce: Announce,
}

/// All models behind one name.
pub struct Models {
    routes: Routes,
    servers: BTreeMap<String, Server>,
    script: Option<PathBuf>,
    setup: Setup,
    announced: Mutex<HashSet<String>>,
}

impl Models {
    /// The name under which deciders call this target.
    pub const TARGET: &'static str = "model";

    /// Checks the configuration, scripts included, and reads the keys of the providers that routes lead to, by `environment` (a variable's
    /// value) or from files. Of other providers everything but the keys is checked.
    ///
    /// # Errors
    /// `Validation`; a field says where it is: `providers.NAME`, `route.2` for the third, or `script`.
    pub fn new(config: &ModelsConfig, setup: Setup, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let providers = with_built_in(config)?;
        let known: BTreeSet<&str> = providers.keys().map(String::as_str).chain([BUILTIN]).collect();
        let routes = Routes::compile(config, setup.mode, &known)?;
        let used: BTreeSet<&str> = routes.used().map(|(_, provider, _)| provider).collect();
        let mut servers = BTreeMap::new();
        for (name, provider) in &providers {
            let mut provider = provider.clone();
            provider.api_key_file = provider.api_key_file.map(|path| setup.folder.join(path));
            let is_used = used.contains(name.as_str());
            let server = if is_used {
                Server::new(name, &provider, environment).map(|server| match setup.mode {
                    Mode::Dev => server,
                    // Whoever talks to an agent is not whoever runs it.
                    Mode::Serve => server.without_address(),
                })
            } else {
                without_keys(name, provider)
            };
            let server = server.map_err(|error| at(error, format!("providers.{name}")))?;
            if is_used {
                servers.insert(name.clone(), server);
            }
        }
        let models = Self {
            routes,
            servers,
            script: config.script.clone(),
            setup,
            announced: Mutex::default(),
        };
        models.check_scripts()?;
        Ok(models)
    }

    /// The configured script, and those that routes name, as they are now; they are read again at each call.
    fn check_scripts(&self) -> Result<()> {
        let wrong = |failure: Failure, place: String| at(Error::validation(format!("bedplate.toml: {}", failure.cause)), place);
        if let Some(script) = &self.script {
            Script::check(&self.setup.folder.join(script)).map_err(|failure| wrong(failure, "script".into()))?;
        }
        for (index, provider, model) in self.routes.used() {
            if provider == BUILTIN && (model == "script" || model.starts_with("script:")) {
                self.script_path(model)
                    .and_then(|path| Script::check(&path))
                    .map_err(|failure| wrong(failure, format!("route.{index}")))?;
            }
        }
        Ok(())
    }

    /// Who answers for `model`.
    pub fn route(&self, model: &str) -> Result<Route, Unrouted> {
        self.routes.find(model)
    }

    /// Asks whoever answers for `request.model`, in the order of the route: the next one when a provider itself fails, as long as nothing of its
    /// answer was shown. Parts go to `progress` as they come when the request is for streaming.
    ///
    /// # Errors
    /// The last provider's failure; its cause says who failed before it.
    pub async fn answer(&self, request: &Request, progress: &Progress) -> Result<Reply, Failure> {
        let route = self
            .route(&request.model)
            .map_err(|unrouted| Failure::new(Fault::Validation, unrouted.message))?;
        if route.fallback {
            self.announce(&request.model);
        }
        let mut earlier: Option<Failure> = None;
        let last = route.next.len();
        let all = std::iter::once((route.provider.as_str(), route.model.as_str()));
        let all = all.chain(route.next.iter().map(|(provider, model)| (provider.as_str(), model.as_str())));
        for (number, (provider, model)) in all.enumerate() {
            let model = if model == AS_ASKED { request.model.as_str() } else { model };
            let mut is_shown = false;
            let mut report = |part| {
                if request.streaming {
                    is_shown = true;
                    progress.part(part);
                }
            };
            match (self.ask(provider, model, request, &mut report).await, earlier.take()) {
                (Ok(mut reply), before) => {
                    if let Some(before) = before {
                        reply.facts.lost.add(&before.usage);
                        tracing::info!(provider, model, asked = %request.model, "the fallback answered");
                    }
                    log(provider, model, &reply);
                    return Ok(reply);
                }
                (Err(failure), before) => {
                    let failure = failure.after(before);
                    if number == last || is_shown || !failure.fault.is_the_providers() {
                        return Err(failure);
                    }
                    tracing::warn!(provider, model, "{failure}; asking the next provider of the route");
                    earlier = Some(failure);
                }
            }
        }
        Err(earlier.expect("invariant: a route leads to somebody"))
    }

    async fn ask(&self, provider: &str, model: &str, request: &Request, report: &mut (dyn FnMut(Part) + Send)) -> Result<Reply, Failure> {
        if let Some(server) = self.servers.get(provider) {
            let mut reply = server.call(request, model, report).await?;
            reply.facts.provider = provider.to_owned();
            return Ok(reply);
        }
        match model {
            "planner" => {
                let reply = (self.setup.planner)(request);
                report_reply(&reply, report);
                Ok(reply)
            }
            "echo" => {
                let reply = echo(request);
                report_reply(&reply, report);
                Ok(reply)
            }
            name => Script::open(&self.script_path(name)?).await?.answer(request, report),
        }
    }

    /// The configured server called `provider`.
    pub(crate) fn server(&self, provider: &str) -> Option<&Server> {
        self.servers.get(provider)
    }

    fn script_path(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = name.strip_prefix("script:").map(Path::new).or(self.script.as_deref());
        path.map(|path| self.setup.folder.join(path)).ok_or_else(|| {
            Failure::new(
                Fault::Validation,
                "builtin/script has no file: add script = \"answers.yaml\" to bedplate.toml, or use the model id builtin/script:answers.yaml",
            )
        })
    }

    fn announce(&self, model: &str) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = announced.len() < ANNOUNCED_MAX && announced.insert(model.to_owned());
        drop(announced);
        if is_new {
            let line = format!(
                "no route for model {:?}: builtin/planner answers, which is rule-based, not an LLM. For another, {}",
                shown(model),
                advice(model)
            );
            (self.setup.announce)(model, &line);
        }
    }
}

impl Target for Models {
    fn call<'a>(&'a self, call: &'a Call, payload: Payload, progress: Progress) -> BoxFuture<'a, Outcome> {
        Box::pin(traced(call.trace.clone(), async move {
            let Some(request) = request_of(&payload) else {
                return Outcome::failure(Fault::Validation.as_str(), "the payload of a model call is not a request");
            };
            match self.answer(&request, &progress).await {
                Ok(reply) => Outcome::Success(Value::inline(Raw::new(reply.to_text()))),
                Err(failure) => Outcome::failure(failure.fault.as_str(), failure.cause),
            }
        }))
    }
}

fn request_of(payload: &Payload) -> Option<Arc<Request>> {
    let Payload::Typed(typed) = payload else { return None };
    let typed: Arc<dyn Any + Send + Sync> = Arc::clone(typed);
    typed.downcast().ok()
}

/// One line for whoever follows what happens.
fn log(provider: &str, model: &str, reply: &Reply) {
    let usage = &reply.usage;
    tracing::debug!(
        provider,
        model,
        answered = %reply.model,
        stop = reply.stop.as_str(),
        input_tokens = usage.input_tokens,
        output_tokens = usage.output_tokens,
        cached_tokens = usage.cache_read_tokens,
        lost_tokens = reply.facts.lost.total_tokens(),
        "a model answered"
    );
}

/// A provider that no route leads to, as far as it can be checked without its keys, which may not be there yet.
fn without_keys(name: &str, mut provider: ProviderConfig) -> Result<Server> {
    if provider.api_key_env.is_none() || provider.api_key_file.is_none() {
        provider.api_key_file = None;
    }
    provider.profile = None;
    Server::new(name, &provider, &|variable| {
        let stand_in = if variable.contains("REGION") { "us-east-1" } else { "unused" };
        Some(stand_in.to_owned())
    })
}

/// The configured providers and those that exist without configuration; a configured one of the same name fills its gaps from them.
fn with_built_in(config: &ModelsConfig) -> Result<BTreeMap<String, ProviderConfig>> {
    let server = |base_url: &str| ProviderConfig {
        base_url: Some(base_url.into()),
        ..ProviderConfig::of(ProviderKind::OpenAi)
    };
    // Ollama loads a model at its first request and gives up after five minutes itself (its OLLAMA_LOAD_TIMEOUT).
    let ollama = ProviderConfig {
        first_byte_timeout: Some(std::time::Duration::from_secs(300)),
        ..server("http://127.0.0.1:11434/v1")
    };
    let openai = ProviderConfig {
        api_key_env: Some("OPENAI_API_KEY".into()),
        max_tokens_field: Some(MaxTokensField::MaxCompletionTokens),
        ..server("https://api.openai.com/v1")
    };
    let anthropic = ProviderConfig {
        api_key_env: Some("ANTHROPIC_API_KEY".into()),
        ..ProviderConfig::of(ProviderKind::Anthropic)
    };
    let bedrock = ProviderConfig::of(ProviderKind::Bedrock);
    let known = [
        ("ollama", ollama),
        ("openai", openai),
        ("anthropic", anthropic),
        ("bedrock", bedrock),
    ];
    let mut providers = BTreeMap::from(known.map(|(name, provider)| (name.to_owned(), provider)));
    for (name, provider) in &config.providers {
        if name == BUILTIN || name.is_empty() || name.contains('/') {
            let error = Error::validation(format!(
                "bedplate.toml: [providers.{name}]: the name {name:?} cannot be used; choose one without \"/\" that is not \"builtin\""
            ));
            return Err(at(error, format!("providers.{name}")));
        }
        let mut provider = provider.clone();
        if let Some(ours) = providers.get(name).filter(|ours| ours.kind == provider.kind) {
            // At another address the key of the well-known one has no business.
            if provider.base_url.is_none() && provider.api_key_file.is_none() {
                provider.api_key_env = provider.api_key_env.or_else(|| ours.api_key_env.clone());
            }
            provider.base_url = provider.base_url.or_else(|| ours.base_url.clone());
            provider.max_tokens_field = provider.max_tokens_field.or(ours.max_tokens_field);
            provider.first_byte_timeout = provider.first_byte_timeout.or(ours.first_byte_timeout);
        }
        providers.insert(name.clone(), provider);
    }
    Ok(providers)
}

/// Says where in the configuration an error is.
pub(crate) fn at(error: Error, place: String) -> Error {
    let message = error.message.clone();
    error.with_field(place, message)
}

/// `builtin/echo`: says what the user said last.
fn echo(request: &Request) -> Reply {
    let said = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Role::User && !message.text().is_empty());
    Reply {
        message: Message::assistant(said.map(|message| message.text()).unwrap_or_default()),
        stop: StopReason::EndTurn,
        usage: Usage::default(),
        model: "builtin/echo".into(),
        ..Reply::default()
    }
}

/// Reports a reply that was there at once as if it had come in parts.
fn report_reply(reply: &Reply, report: &mut (dyn FnMut(Part) + Send)) {
    for block in &reply.message.content {
        match block {
            Block::Text(text) => parts_of(text).into_iter().for_each(|part| report(Part::Text(part.to_owned()))),
            Block::Reasoning { text, .. } => report(Part::Thinking(text.clone())),
            Block::ToolUse { id, name, input } => {
                report(Part::Tool {
                    id: id.clone(),
                    name: name.clone(),
                });
                report(Part::ToolInput {
                    id: id.clone(),
                    json: input.to_string(),
                });
            }
            _ => continue,
        }
        report(Part::BlockEnd);
    }
}

/// `text` in at most `PARTS` parts, cut before spaces.
fn parts_of(text: &str) -> Vec<&str> {
    let size = text.len().div_ceil(PARTS).max(1);
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        if at - start >= size {
            parts.push(&text[start..at]);
            start = at;
        }
    }
    if start < text.len() {
        parts.push(&text[start..]);
    }
    parts
}
