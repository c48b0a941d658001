//! The configuration that clients see: made from a create, changed by an update.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_base::{Hash, Timestamp};
use bedplate_wire::Fault;
use bedplate_wire_lambda::types::{
    Architecture, Environment, EnvironmentResponse, EphemeralStorage, FunctionConfiguration, LastUpdateStatus, LogFormat, LoggingConfig,
    PackageType, SnapStartApplyOn, SnapStartOptimizationStatus, SnapStartResponse, State, TracingConfigResponse, TracingMode,
};

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
    // `2026-11-21T15:04:05.000+0000`: a string of its own form, not one of the protocol's.
    configuration.last_modified = Some(format!("{}+0000", &now.iso_nanos()[..23]));
}

/// States the code.
pub(crate) fn set_code(configuration: &mut FunctionConfiguration, sha256: Hash, bytes: u64) {
    configuration.code_sha256 = Some(STANDARD.encode(sha256.0));
    configuration.code_size = i64::try_from(bytes).ok();
}

/// The variables of a request, as they are answered.
pub(crate) fn environment(given: Environment) -> Result<Option<EnvironmentResponse>, Fault> {
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

/// Refuses members that a run would need and that are not built.
pub(crate) fn refuse<T>(member: &str, given: Option<&T>, instead: &str) -> Result<(), Fault> {
    given.map_or(Ok(()), |_| Err(lacking(member, instead)))
}
