//! The properties of `AWS::Serverless::Function`, of `Globals.Function` and how the two are put together; those of layers, in
//! both of the types that they have.
//!
//! Source: the SAM specification. What decides how a function runs here is read; what means something in AWS only is accepted and left
//! out; what would silently not happen (events, images) is refused.

use crate::node::{Entry, Kind, Node};
use crate::shape::Shape::{Integer, List, Map, Object, Text, TextOr, Word};
use crate::shape::{Property, ignored, later, optional, required};

/// Properties that `Globals.Function` and a function itself may have.
pub(crate) const FUNCTION: &[Property] = &[
    optional("CodeUri", TextOr(OBJECT)),
    optional("Description", Text),
    optional("Environment", Object(&[optional("Variables", Map(&Text))])),
    optional("FunctionName", Text),
    optional("Handler", Text),
    optional("Layers", List(&Text)),
    optional("MemorySize", Integer),
    optional("Runtime", Text),
    optional("Tags", Map(&Text)),
    optional("Timeout", Integer),
    optional("Architectures", List(&Word(&["x86_64", "arm64"]))),
    optional("PackageType", Word(&["Zip"])),
    ignored("AssumeRolePolicyDocument"),
    ignored("PermissionsBoundary"),
    ignored("Policies"),
    ignored("Role"),
    ignored("RolePath"),
    ignored("Tracing"),
    later("AutoPublishAlias"),
    later("CodeSigningConfigArn"),
    later("DeadLetterQueue"),
    later("DeploymentPreference"),
    later("EphemeralStorage"),
    later("EventInvokeConfig"),
    later("Events"),
    later("FileSystemConfigs"),
    later("FunctionUrlConfig"),
    later("ImageConfig"),
    later("ImageUri"),
    later("InlineCode"),
    later("KmsKeyArn"),
    later("LoggingConfig"),
    later("ProvisionedConcurrencyConfig"),
    later("RecursiveLoop"),
    later("ReservedConcurrentExecutions"),
    later("RuntimeManagementConfig"),
    later("SnapStart"),
    later("VersionDescription"),
    later("VpcConfig"),
];

/// Properties of `AWS::Serverless::LayerVersion`.
pub(crate) const LAYER: &[Property] = &[
    required("ContentUri", TextOr(OBJECT)),
    optional("LayerName", Text),
    ignored("CompatibleArchitectures"),
    ignored("CompatibleRuntimes"),
    ignored("Description"),
    ignored("LicenseInfo"),
    ignored("PublishLambdaVersion"),
    ignored("RetentionPolicy"),
];

/// An object in a bucket, in SAM's words.
const OBJECT: &[Property] = &[required("Bucket", Text), required("Key", Text), later("Version")];

/// Properties of `AWS::Lambda::LayerVersion` (CloudFormation's reference). As `aws cloudformation package` has it, the content may be a folder.
pub(crate) const LAMBDA_LAYER: &[Property] = &[
    required("Content", TextOr(LAMBDA_OBJECT)),
    optional("LayerName", Text),
    ignored("CompatibleArchitectures"),
    ignored("CompatibleRuntimes"),
    ignored("Description"),
    ignored("LicenseInfo"),
];

/// An object in a bucket, in Lambda's words.
const LAMBDA_OBJECT: &[Property] = &[required("S3Bucket", Text), required("S3Key", Text), later("S3ObjectVersion")];

/// Properties that SAM allows in a function only, never in `Globals`.
pub(crate) const NOT_GLOBAL: &[&str] = &["FunctionName", "Policies", "Role"];

/// Lays a function's own properties over the global ones: maps are merged, anything else is replaced (SAM's rule).
pub(crate) fn overlay(global: Node, own: Node) -> Node {
    match (global.kind, own.kind) {
        (Kind::Map(mut entries), Kind::Map(own_entries)) => {
            for entry in own_entries {
                match entries.iter().position(|global| global.key == entry.key) {
                    Some(index) => {
                        let Entry { value, .. } = entries.remove(index);
                        entries.insert(
                            index,
                            Entry {
                                value: overlay(value, entry.value),
                                key: entry.key,
                                at: entry.at,
                            },
                        );
                    }
                    None => entries.push(entry),
                }
            }
            Node {
                at: own.at,
                kind: Kind::Map(entries),
            }
        }
        (_, kind) => Node { at: own.at, kind },
    }
}
