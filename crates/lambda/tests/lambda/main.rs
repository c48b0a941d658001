//! Functions as data: each file in `cases/` is a function with invokes and what must come of them, run on real
//! processes. Only the handlers wait, and only where a time-out is the point.

#![allow(clippy::unwrap_used)] // a test that fails has failed

mod cases;
mod isolation;
mod lifecycle;
mod remote;
mod target;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Place, Timestamp};
use bedplate_lambda::{Config, Function, Host, Runtime, limits};

/// The machine's clock.
struct Machine;

#[allow(clippy::disallowed_methods)] // this is the edge
impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(since.as_nanos()).unwrap())
    }

    fn sleep_until(&self, due: Timestamp) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(due.since(self.now())))
    }
}

/// A host in a folder of its own.
struct House {
    folder: tempfile::TempDir,
    host: Host,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[allow(clippy::disallowed_methods)] // this is the edge
        let path = std::env::var_os("PATH").unwrap();
        let host = Host::new(Config {
            folder: folder.path().join("functions"),
            clock: Arc::new(Machine),
            path,
        });
        host.set_endpoint("http://127.0.0.1:4567");
        Self { folder, host }
    }

    /// Writes the code of a function and gives its definition.
    fn function(&self, name: &str, files: &BTreeMap<String, String>) -> Function {
        let code = self.folder.path().join("code").join(name);
        for (file, text) in files {
            write(&code.join(file), text);
        }
        Function {
            name: name.into(),
            arn: Place::default().arn("lambda", format!("function:{name}")),
            version: bedplate_lambda::LATEST.into(),
            runtime: Runtime::parse("python3.12").unwrap(),
            handler: "app.handler".into(),
            code,
            layers: Vec::new(),
            environment: BTreeMap::new(),
            timeout: Duration::from_secs(20),
            memory_mb: 128,
            storage_mb: limits::STORAGE_MB,
        }
    }

    /// A function of one file.
    fn python(&self, name: &str, code: &str) -> Function {
        self.function(name, &BTreeMap::from([("app.py".to_owned(), code.to_owned())]))
    }
}

fn write(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
    if text.starts_with("#!") {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn cases_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn has_node() -> bool {
    #[allow(clippy::disallowed_methods)] // this is the edge
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join("node").is_file())
}
