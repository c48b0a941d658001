//! Wiring: store, engine, targets and doors put together. Nothing is decided here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bedplate_agent::{Programs, SessionDecider};
use bedplate_api_admin::{Advance, FailedRequest, FailedRequests};
use bedplate_api_bedrock::{Gateway, LogSettings};
use bedplate_base::{BoxFuture, Clock, Error, Place, Result, Timestamp};
use bedplate_bucket::Buckets;
use bedplate_catalog::Catalog;
use bedplate_engine::Engine;
use bedplate_http::{Door, Doors, Observer, Refused, ServiceDoor, Upstream};
use bedplate_lambda::{Config as LambdaConfig, HandlerKey, Host, LambdaTarget};
use bedplate_planner::Moment;
use bedplate_providers::{Announce, Mode, Models, Setup};
use bedplate_store::Store;
use bedplate_telemetry::{Board, Exporter, Watch};
use bedplate_wire::{Request, Response, Routed, Router};
use tokio::sync::watch;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::cost::Paid;
use crate::functions::Functions;

/// Everything that runs.
#[derive(Clone)]
pub(crate) struct App {
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Sessions.
    pub(crate) engine: Engine,
    /// Functions.
    pub(crate) host: Host,
    /// Lambda's operations.
    pub(crate) lambda: Arc<bedplate_api_lambda::State>,
    /// Roles, policies and the caller: stored documents.
    iam: Arc<bedplate_api_iam::State>,
    /// The agents' operations.
    pub(crate) agents: bedplate_api_agents::State,
    /// Models without agents.
    bedrock: bedplate_api_bedrock::State,
    /// S3's buckets.
    buckets: Buckets,
    /// Sets the clock forward; none in `serve`.
    advance: Option<Advance>,
    /// Requests that failed, for `why`.
    requests: Arc<FailedRequests>,
    /// What is counted.
    pub(crate) board: Arc<Board>,
    /// Where traces go.
    pub(crate) exporter: Option<Exporter>,
    /// What model calls cost.
    pub(crate) paid: Arc<Paid>,
}

/// What an app is made of.
pub(crate) struct Parts<'a> {
    /// Where state is kept.
    pub(crate) store: Arc<dyn Store>,
    /// Time.
    pub(crate) clock: SystemClock,
    /// The state folder: packages of functions lie in it.
    pub(crate) folder: &'a Path,
    /// `bedplate.toml`.
    pub(crate) config: &'a Config,
    /// `dev` or `serve`.
    pub(crate) mode: Mode,
    /// `--strict`.
    pub(crate) strict: bool,
    /// Is told when the planner answers for a model that no route names.
    pub(crate) announce: Announce,
    /// What functions sign with when they call back, by account.
    pub(crate) handler_keys: BTreeMap<String, HandlerKey>,
    /// Where buckets are that are not here.
    pub(crate) upstream: Option<Arc<Upstream>>,
    /// What is counted.
    pub(crate) board: Arc<Board>,
}

impl App {
    /// Puts everything together and takes up what the last process left.
    ///
    /// # Errors
    /// The configuration does not hold, or the state cannot be read.
    pub(crate) async fn start(parts: Parts<'_>, endpoint: &str) -> Result<Self> {
        let Parts {
            store,
            clock,
            folder,
            config,
            mode,
            strict,
            announce,
            handler_keys,
            upstream,
            board,
        } = parts;
        // Functions run in the machine's own time, whatever `clock advance` says.
        let machine: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let advance = (mode == Mode::Dev).then(|| {
            let clock = clock.clone();
            Arc::new(move |by| clock.advance(by)) as Advance
        });
        let models = Arc::new(models(config, mode, &clock, announce)?);
        let clock: Arc<dyn Clock> = Arc::new(clock);
        let host = Host::new(LambdaConfig {
            folder: folder.join("functions"),
            clock: machine,
            path: std::env::var_os("PATH").unwrap_or_default(),
        });
        host.set_endpoint(endpoint);
        host.set_keys(handler_keys);
        let mut hidden = vec![folder.to_path_buf()];
        hidden.extend(config.secret_files());
        match host.isolate(&hidden).await {
            Ok(()) => tracing::info!(target: "bedplate", "functions do not see the state folder, files with keys and other processes"),
            Err(error) => {
                tracing::info!(target: "bedplate", %error, "functions run as this user, without isolation: run only code that you trust")
            }
        }
        let folders = config.folder(Path::new("."));
        let buckets = Buckets::open(
            &folder.join("buckets"),
            &config.buckets,
            &folders,
            &config.place.region,
            Arc::new(SystemClock::default()),
        );
        let buckets = buckets.map_err(|error| config.locate(error))?;
        let exporter = Exporter::start(
            &config.telemetry,
            &|name| std::env::var(name).ok(),
            env!("CARGO_PKG_VERSION"),
            &board,
        );
        let exporter = exporter.map_err(|problem| Error::validation(config.at(&problem)))?;
        let paid = Arc::new(Paid::open(Arc::clone(&store), config).await?);
        let mut watch = Watch::new(Arc::clone(&board), Some(paid.clone()));
        if let Some(exporter) = &exporter {
            watch = watch.with_traces(exporter.clone(), &config.telemetry);
        }
        let watch = Arc::new(watch);
        let programs: Arc<Programs> = Arc::default();
        let functions = Functions::new(LambdaTarget::new(host.clone()), &config.functions);
        let catalog = Catalog::new(store.clone()).with_clock(clock.clone());
        let log = LogSettings {
            folder: folder.join("logs").join("model-invocations"),
            redact: config.redact.clone(),
        };
        let bedrock = bedplate_api_bedrock::State::new(
            models,
            config.models.routes.iter().map(|route| route.model.clone()),
            catalog.clone(),
            Arc::new(SystemClock::default()),
            log,
        );
        let objects = crate::buckets::objects(&buckets, upstream, &config.place.region);
        let bedrock = bedrock
            .with_objects(crate::buckets::for_models(&objects))
            .with_meter(Arc::new(crate::cost::Told(watch.clone())));
        let engine = Engine::builder(store.clone(), clock.clone())
            .kind(bedplate_agent::KIND, move |_| Box::new(SessionDecider::new(programs.clone())))
            .target(bedplate_agent::MODEL, Arc::new(Gateway::new(bedrock.clone())))
            .target(bedplate_agent::LAMBDA, Arc::new(functions))
            .limits(bedplate_engine::Limits {
                retention: config.retention.engine(),
                ..bedplate_engine::Limits::default()
            })
            .observer(watch.clone())
            .chore({
                let catalog = catalog.clone();
                move || forget_tokens(catalog.clone())
            })
            .build();
        let lambda = bedplate_api_lambda::State::new(catalog.clone(), host.clone(), clock.clone());
        let lambda = lambda.with_objects(crate::buckets::read(objects));
        let lambda = Arc::new(match mode {
            Mode::Dev => lambda,
            Mode::Serve => lambda.without_addresses(),
        });
        crate::telemetry::gauges(&board, &engine);
        let iam = Arc::new(bedplate_api_iam::State::new(catalog.clone(), clock.clone()));
        let settings = bedplate_api_agents::Settings {
            strict,
            steps_max: config.limits.steps,
        };
        let agents = bedplate_api_agents::State::new(catalog, engine.clone(), clock.clone(), settings);
        // Functions first: the calls that are performed again need them.
        lambda.restore().await?;
        bedrock.restore().await?;
        map_functions(&lambda, config).await?;
        engine.recover().await?;
        Ok(Self {
            clock,
            engine,
            host,
            lambda,
            iam,
            agents,
            buckets,
            bedrock,
            advance,
            requests: Arc::default(),
            board,
            exporter,
            paid,
        })
    }

    /// Makes true again what `[functions]` says, because files of its folders have changed.
    ///
    /// # Errors
    /// A folder does not hold a function any more.
    pub(crate) async fn map_functions(&self, config: &Config) -> Result<()> {
        map_functions(&self.lambda, config).await
    }

    /// Keeps the requests that fail.
    pub(crate) fn observer(&self) -> Observer {
        let (requests, board) = (Arc::clone(&self.requests), Arc::clone(&self.board));
        Arc::new(move |refused: Refused| {
            board.failed(&refused.code);
            requests.push(FailedRequest {
                request_id: refused.request_id,
                at: refused.at,
                method: refused.method,
                path: refused.path,
                operation: refused.operation,
                status: refused.status,
                code: refused.code,
                message: refused.message,
                causes: refused.causes,
            });
        })
    }

    /// The doors of the one port; `keys` says whether requests must be signed.
    pub(crate) fn doors(
        &self,
        place: Place,
        (strict, keys): (bool, bool),
        upstream: Option<Arc<Upstream>>,
        ready: watch::Receiver<bool>,
    ) -> Doors {
        let router = Router::new(&[
            &bedplate_wire_bedrock_agent::SERVICE,
            &bedplate_wire_bedrock_agent_runtime::SERVICE,
            &bedplate_wire_bedrock_runtime::SERVICE,
            &bedplate_wire_bedrock::SERVICE,
            &bedplate_wire_stepfunctions::SERVICE,
            &bedplate_wire_lambda::SERVICE,
            &bedplate_wire_iam::SERVICE,
            &bedplate_wire_sts::SERVICE,
        ]);
        let mut services: BTreeMap<&'static str, Arc<dyn ServiceDoor>> = BTreeMap::new();
        services.insert("bedrock-agent", Arc::new(Control(self.agents.clone())));
        services.insert("bedrock-agent-runtime", Arc::new(Runtime(self.agents.clone())));
        services.insert("bedrock", Arc::new(Bedrock(self.bedrock.clone())));
        services.insert("bedrock-runtime", Arc::new(BedrockRuntime(self.bedrock.clone())));
        services.insert("lambda", Arc::new(Lambda(self.lambda.clone())));
        services.insert("iam", Arc::new(Iam(self.iam.clone())));
        services.insert("sts", Arc::new(Sts(self.iam.clone())));
        let admin = Arc::new(Admin(bedplate_api_admin::State {
            agents: self.agents.clone(),
            version: env!("CARGO_PKG_VERSION"),
            keys,
            started_at: self.clock.now(),
            advance: self.advance.clone(),
            requests: Arc::clone(&self.requests),
            cost: Some(bedplate_api_admin::Cost {
                ledger: Arc::clone(&self.paid.ledger),
                prices: Arc::clone(&self.paid.prices),
            }),
        }));
        Doors {
            router: Arc::new(router),
            services,
            buckets: Some(crate::buckets::door(&self.buckets)),
            admin,
            upstream,
            ready,
            place,
            // Signatures are judged by the machine's own time.
            clock: Arc::new(SystemClock::default()),
            strict,
        }
    }
}

/// Client tokens whose time is over go; what cannot be deleted now is tried again later.
fn forget_tokens(catalog: Catalog) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        match catalog.forget_tokens().await {
            Ok(0) => {}
            Ok(tokens) => tracing::debug!(target: "bedplate", tokens, "client tokens were forgotten"),
            Err(error) => tracing::warn!(target: "bedplate", %error, "client tokens are kept for now"),
        }
    })
}

async fn map_functions(lambda: &bedplate_api_lambda::State, config: &Config) -> Result<()> {
    let (env, folder) = (|name: &str| std::env::var(name).ok(), config.folder(Path::new(".")));
    let mapped = bedplate_api_lambda::map(lambda, &config.place, &folder, &config.functions, &env).await;
    mapped.map_err(|error| config.locate(error))
}

/// The models of a configuration.
///
/// # Errors
/// A provider or route does not hold, or a key is missing.
pub(crate) fn models(config: &Config, mode: Mode, clock: &SystemClock, announce: Announce) -> Result<Models> {
    let clock = clock.clone();
    let setup = Setup {
        mode,
        folder: config.folder(Path::new(".")),
        planner: Arc::new(move |request| bedplate_planner::plan(request, moment(clock.now()))),
        announce,
    };
    Models::new(&config.models, setup, &|name| std::env::var(name).ok()).map_err(|error| config.locate(error))
}

/// The planner's now: the wall clock of this machine's zone.
fn moment(now: Timestamp) -> Moment {
    let zone = jiff::tz::TimeZone::system();
    let zoned = jiff::Timestamp::from_nanosecond(i128::from(now.nanos()))
        .unwrap_or_default()
        .to_zoned(zone.clone());
    Moment {
        local: zoned.datetime(),
        zone,
    }
}

struct Control(bedplate_api_agents::State);
struct Runtime(bedplate_api_agents::State);
struct Bedrock(bedplate_api_bedrock::State);
struct BedrockRuntime(bedplate_api_bedrock::State);
struct Iam(Arc<bedplate_api_iam::State>);
struct Sts(Arc<bedplate_api_iam::State>);
struct Lambda(Arc<bedplate_api_lambda::State>);
struct Admin(bedplate_api_admin::State);

impl ServiceDoor for Control {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_agents::control::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for Runtime {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_agents::runtime::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for Bedrock {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_bedrock::control::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for BedrockRuntime {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_bedrock::runtime::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for Lambda {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_lambda::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for Iam {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_iam::iam::dispatch(&state, routed, request).await })
    }
}

impl ServiceDoor for Sts {
    fn call(&self, routed: Routed, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_iam::sts::dispatch(&state, routed, request).await })
    }
}

impl Door for Admin {
    fn call(&self, request: Request) -> BoxFuture<'static, Response> {
        let state = self.0.clone();
        Box::pin(async move { bedplate_api_admin::dispatch(&state, request).await })
    }
}
