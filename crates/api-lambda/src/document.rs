//! A function as it is stored: the configuration that clients see, where its code is, and its permissions.

use std::path::PathBuf;
use std::time::Duration;

use bedplate_base::{Arn, Error, Hash, Result};
use bedplate_lambda::{Function, LATEST, Packages, Runtime, limits};
use bedplate_wire::{Fault, Json};
use bedplate_wire_lambda::types::FunctionConfiguration;
use serde_json::{Value, json};

use crate::State;
use crate::fault::{exception, not_found};
use crate::name::Name;

/// A stored function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// As clients see it.
    pub(crate) configuration: FunctionConfiguration,
    /// Where its code is.
    pub(crate) code: Code,
    /// Where its layers are, in the order of `configuration.layers`.
    pub(crate) layers: Vec<Code>,
    /// Statements of its resource policy, those of its versions and aliases among them.
    pub(crate) policy: Vec<Value>,
    /// Its reserved concurrency.
    pub(crate) reserved: Option<i32>,
    /// Of a published version: what `$LATEST` was like.
    pub(crate) fingerprint: Option<String>,
}

/// Where code is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Code {
    /// A deployment package, by the hash of its zip.
    Package(Hash),
    /// A folder of the user's own.
    Folder(PathBuf),
}

impl Code {
    fn read(body: &Value) -> Option<Self> {
        match (body["package"].as_str(), body["folder"].as_str()) {
            (Some(hash), _) => Hash::parse(hash).map(Self::Package),
            (None, folder) => folder.map(|folder| Self::Folder(folder.into())),
        }
    }

    fn body(&self) -> Value {
        match self {
            Self::Package(hash) => json!({"package": hash.to_string()}),
            Self::Folder(folder) => json!({"folder": folder.to_string_lossy()}),
        }
    }

    fn folder(&self, packages: &Packages) -> Result<PathBuf> {
        let gone = || Error::internal("The unpacked code is not in the state folder any more; send it again");
        match self {
            Self::Folder(folder) => Ok(folder.clone()),
            Self::Package(hash) => packages.find(*hash).ok_or_else(gone),
        }
    }

    /// The package that must stay for it.
    pub(crate) fn package(&self) -> Option<Hash> {
        match self {
            Self::Package(hash) => Some(*hash),
            Self::Folder(_) => None,
        }
    }
}

impl Document {
    /// Reads a stored document.
    pub(crate) fn read(stored: &bedplate_catalog::Document) -> Result<Self> {
        let damaged = || Error::internal(format!("The stored function {} is damaged", stored.key));
        let configuration =
            FunctionConfiguration::from_json(&stored.body["configuration"]).map_err(|error| damaged().with_source(error.to_string()))?;
        let code = Code::read(&stored.body["code"]).ok_or_else(damaged)?;
        let layers = stored.body["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        let layers: Option<Vec<Code>> = layers.iter().map(Code::read).collect();
        let layers = layers.ok_or_else(damaged)?;
        let policy = stored.body["policy"].as_array().cloned().unwrap_or_default();
        Ok(Self {
            configuration,
            code,
            layers,
            policy,
            reserved: stored.body["reserved"].as_i64().and_then(|reserved| i32::try_from(reserved).ok()),
            fingerprint: stored.body["fingerprint"].as_str().map(str::to_owned),
        })
    }

    /// The document to store.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({"configuration": self.configuration.to_json(), "code": self.code.body(), "policy": self.policy});
        if !self.layers.is_empty() {
            body["layers"] = self.layers.iter().map(Code::body).collect::<Vec<_>>().into();
        }
        if let Some(reserved) = self.reserved {
            body["reserved"] = reserved.into();
        }
        if let Some(fingerprint) = &self.fingerprint {
            body["fingerprint"] = fingerprint.as_str().into();
        }
        body
    }

    /// What the host runs; checked.
    pub(crate) fn function(&self, packages: &Packages) -> Result<Function> {
        let configuration = &self.configuration;
        let needed = |member: &Option<String>, name: &str| member.clone().ok_or_else(|| Error::validation(format!("{name} is missing")));
        let arn = needed(&configuration.function_arn, "FunctionArn")?;
        let version = configuration.version.clone().unwrap_or_else(|| LATEST.into());
        // A version's own ARN ends in its number; the host wants the function's.
        let arn = arn.strip_suffix(&format!(":{version}")).unwrap_or(&arn);
        let function = Function {
            name: needed(&configuration.function_name, "FunctionName")?,
            arn: Arn::parse(arn).ok_or_else(|| Error::internal(format!("{arn} is not an ARN")))?,
            version,
            runtime: Runtime::parse(configuration.runtime.map_or("", |runtime| runtime.as_str()))?,
            handler: configuration.handler.clone().unwrap_or_default(),
            code: self.code.folder(packages)?,
            layers: self.layers.iter().map(|layer| layer.folder(packages)).collect::<Result<_>>()?,
            environment: configuration
                .environment
                .clone()
                .and_then(|environment| environment.variables)
                .unwrap_or_default(),
            timeout: Duration::from_secs(u64::try_from(configuration.timeout.unwrap_or(3)).unwrap_or(0)),
            memory_mb: u32::try_from(configuration.memory_size.unwrap_or(128)).unwrap_or(128),
            storage_mb: configuration
                .ephemeral_storage
                .as_ref()
                .and_then(|storage| u32::try_from(storage.size).ok())
                .unwrap_or(limits::STORAGE_MB),
        };
        function.check()?;
        Ok(function)
    }
}

impl State {
    /// The function called `name`, and the version to replace.
    pub(crate) async fn find(&self, name: &Name) -> Result<(Document, bedplate_catalog::Document), Fault> {
        let stored = self
            .catalog
            .get(&name.key)
            .await
            .map_err(exception)?
            .ok_or_else(|| not_found(name.arn.as_str()))?;
        Ok((Document::read(&stored).map_err(exception)?, stored))
    }
}
