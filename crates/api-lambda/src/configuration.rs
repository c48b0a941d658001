//! The configuration that clients see: made from a create, changed by an update.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::{Hash, Timestamp};
use bedplate_wire::{Context, Fault};
use bedplate_wire_lambda::types::{
    Architecture, DeadLetterConfig, DurableConfig, Environment, EnvironmentResponse, EphemeralStorage, FileSystemConfig,
    FunctionConfiguration, LastUpdateStatus, LogFormat, LoggingConfig, PackageType, Runtime, SnapStartApplyOn, SnapStartOptimizationStatus,
    SnapStartResponse, State, TracingConfig, TracingConfigResponse, TracingMode,
};

use crate::document::{Code, Document};
use crate::fault::{invalid, lacking};
use crate::name::Name;

/// Seconds when a create names none (Lambda API reference, CreateFunction).
const TIMEOUT_S: i32 = 3;
/// MB when a create names none (same).
const MEMORY_MB: i32 = 128;
/// MB of `/tmp` when a create names none (same); told, not limited.
const EPHEMERAL_STORAGE_MB: i32 = 512;

/// Variables that AWS lets nobody set (developer guide, "Defined runtime environment variables").
const RESERVED: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
];

/// A configuration with everything that a create may leave out.
pub(crate) fn defaults(name: &Name) -> FunctionConfiguration {
    FunctionConfiguration {
        function_name: Some(name.name.clone()),
        function_arn: Some(name.arn.to_string()),
        description: Some(String::new()),
        timeout: Some(TIMEOUT_S),
        memory_size: Some(MEMORY_MB),
        version: Some("$LATEST".into()),
        tracing_config: Some(TracingConfigResponse {
            mode: Some(TracingMode::PassThrough),
        }),
        // A function can be called as soon as it is stored; waiters look at these two.
        state: Some(State::Active),
        last_update_status: Some(LastUpdateStatus::Successful),
        package_type: Some(PackageType::Zip),
        architectures: Some(vec![Architecture::X8664]),
        ephemeral_storage: Some(EphemeralStorage {
            size: EPHEMERAL_STORAGE_MB,
        }),
        snap_start: Some(SnapStartResponse {
            apply_on: Some(SnapStartApplyOn::None),
            optimization_status: Some(SnapStartOptimizationStatus::Off),
        }),
        logging_config: Some(LoggingConfig {
            log_format: Some(LogFormat::Text),
            log_group: Some(format!("/aws/lambda/{}", name.name)),
            ..LoggingConfig::default()
        }),
        ..FunctionConfiguration::default()
    }
}

/// Marks a change: clients compare `RevisionId` and show `LastModified`.
pub(crate) fn touch(configuration: &mut FunctionConfiguration, now: Timestamp) {
    configuration.revision_id = Some(bedplate_base::random_uuid());
    configuration.last_modified = Some(time(now));
}

/// `2026-11-21T15:04:05.000+0000`: a string of its own form, not one of the protocol's.
pub(crate) fn time(now: Timestamp) -> String {
    format!("{}+0000", &now.iso_nanos()[..23])
}

/// A hash of code as this API writes it.
pub(crate) fn sha_of(sha256: Hash) -> String {
    STANDARD.encode(sha256.0)
}

/// States the code.
pub(crate) fn set_code(configuration: &mut FunctionConfiguration, sha256: Hash, bytes: u64) {
    configuration.code_sha256 = Some(sha_of(sha256));
    configuration.code_size = i64::try_from(bytes).ok();
}

/// The variables of a request, as they are answered.
fn environment(given: Environment) -> Result<Option<EnvironmentResponse>, Fault> {
    let variables: BTreeMap<String, String> = given.variables.unwrap_or_default();
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|key| RESERVED.contains(key)).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    Ok((!variables.is_empty()).then_some(EnvironmentResponse {
        variables: Some(variables),
        error: None,
    }))
}

/// What a create and an update say alike about a function.
pub(crate) struct Settings {
    pub(crate) runtime: Option<Runtime>,
    pub(crate) role: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) timeout: Option<i32>,
    pub(crate) memory_size: Option<i32>,
    pub(crate) environment: Option<Environment>,
    pub(crate) dead_letter_config: Option<DeadLetterConfig>,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) tracing_config: Option<TracingConfig>,
    pub(crate) layers: Option<Vec<String>>,
    pub(crate) file_system_configs: Option<Vec<FileSystemConfig>>,
    pub(crate) ephemeral_storage: Option<EphemeralStorage>,
    pub(crate) logging_config: Option<LoggingConfig>,
    pub(crate) durable_config: Option<DurableConfig>,
}

/// Takes [`Settings`] out of a create's or an update's input, whose members have the same names.
macro_rules! settings {
    ($input:ident, role: $role:expr) => {
        $crate::configuration::Settings {
            runtime: $input.runtime,
            role: $role,
            handler: $input.handler,
            description: $input.description,
            timeout: $input.timeout,
            memory_size: $input.memory_size,
            environment: $input.environment,
            dead_letter_config: $input.dead_letter_config,
            kms_key_arn: $input.kms_key_arn,
            tracing_config: $input.tracing_config,
            layers: $input.layers,
            file_system_configs: $input.file_system_configs,
            ephemeral_storage: $input.ephemeral_storage,
            logging_config: $input.logging_config,
            durable_config: $input.durable_config,
        }
    };
}
pub(crate) use settings;

impl Settings {
    /// Writes what is given into a function; the rest stays. `state.writing` is held: layers must not go meanwhile.
    pub(crate) async fn apply(self, state: &crate::State, context: &Context, document: &mut Document) -> Result<(), Fault> {
        if self.file_system_configs.is_some_and(|configs| !configs.is_empty()) {
            return Err(lacking("FileSystemConfigs", "functions see the files of this machine"));
        }
        if self.durable_config.is_some() {
            return Err(lacking("DurableConfig", "leave it out"));
        }
        let it = &mut document.configuration;
        it.runtime = self.runtime.or(it.runtime);
        it.role = self.role.or(it.role.take());
        it.handler = self.handler.or(it.handler.take());
        it.description = self.description.or(it.description.take());
        it.timeout = self.timeout.or(it.timeout);
        it.memory_size = self.memory_size.or(it.memory_size);
        it.dead_letter_config = self.dead_letter_config.or(it.dead_letter_config.take());
        it.kms_key_arn = self.kms_key_arn.or(it.kms_key_arn.take());
        it.ephemeral_storage = self.ephemeral_storage.or(it.ephemeral_storage.take());
        it.logging_config = self.logging_config.or(it.logging_config.take());
        if let Some(given) = self.environment {
            it.environment = environment(given)?;
        }
        if let Some(tracing) = self.tracing_config {
            it.tracing_config = Some(TracingConfigResponse { mode: tracing.mode });
        }
        if let Some(arns) = self.layers {
            let (layers, packages) = crate::layer::resolve(state, context, &arns).await?;
            it.layers = (!layers.is_empty()).then_some(layers);
            document.layers = packages.into_iter().map(Code::Package).collect();
        }
        Ok(())
    }
}
