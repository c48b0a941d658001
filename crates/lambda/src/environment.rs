//! The environment of a function's process: nothing of the server's own gets in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::function::Function;
use crate::layers::search_paths;
use crate::spawn::{Surroundings, opt};

/// Where a function's temporary files go: one folder for all its processes, kept between them as in a warm start.
pub(crate) fn scratch(function: &Function, around: &Surroundings) -> PathBuf {
    around.folder.join("tmp").join(&function.name)
}

/// The variables of a process.
pub(crate) fn variables(function: &Function, around: &Surroundings, api: SocketAddr) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |key: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        all.insert(key.into(), value.as_ref().into());
    };
    // What a definition may change.
    set("PATH", &around.path);
    set("LANG", &"en_US.UTF-8");
    set("TZ", &":UTC");
    // A place that belongs to the state: what a handler keeps there is forgotten with it.
    set("TMPDIR", &scratch(function, around));
    set("AWS_REGION", &function.arn.region());
    set("AWS_DEFAULT_REGION", &function.arn.region());
    // Somebody else's key comes without our token.
    let theirs = function.environment.contains_key("AWS_ACCESS_KEY_ID");
    for (key, value) in around.callback.variables(function.arn.account()) {
        if !(theirs && key == "AWS_SESSION_TOKEN") {
            set(key, &value);
        }
    }
    for (key, value) in &function.environment {
        set(key, value);
    }
    if let Some(root) = opt(function, around) {
        for (name, place) in search_paths(function, root) {
            let value = all.entry(name.into()).or_default();
            if !value.is_empty() {
                value.push(":");
            }
            value.push(place);
        }
    }
    let mut set = |key: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        all.insert(key.into(), value.as_ref().into());
    };
    // What it may not.
    let date = around
        .now
        .iso()
        .chars()
        .take(10)
        .map(|c| if c == '-' { '/' } else { c })
        .collect::<String>();
    let stream = format!("{date}/[{}]{}", function.version, bedplate_base::random_uuid().replace('-', ""));
    set("_HANDLER", &function.handler);
    set("AWS_LAMBDA_RUNTIME_API", &api.to_string());
    set("AWS_LAMBDA_FUNCTION_NAME", &function.name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &function.version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory_mb.to_string());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", &"on-demand");
    set("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", function.name));
    set("AWS_LAMBDA_LOG_STREAM_NAME", &stream);
    set("AWS_EXECUTION_ENV", &format!("AWS_Lambda_{}", function.runtime));
    set("LAMBDA_TASK_ROOT", &function.code);
    set("PWD", &function.code);
    set("LAMBDA_RUNTIME_DIR", &around.folder);
    all
}
