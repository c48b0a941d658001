//! The properties of `AWS::Bedrock::Agent` and `AWS::Bedrock::AgentAlias` (source: the CloudFormation resource specification).
//!
//! Only names and forms stand here. Lengths, patterns and what must go together are the API's to judge when the values get there.

use crate::shape::Shape::{Boolean, Free, Integer, List, Map, Number, Object, Text, Union, Word};
use crate::shape::{Property, optional, required};

const SWITCH: &[&str] = &["ENABLED", "DISABLED"];
const MODE: &[&str] = &["DEFAULT", "OVERRIDDEN"];

/// `AWS::Bedrock::Agent`.
pub(crate) const AGENT: &[Property] = &[
    required("AgentName", Text),
    optional("ActionGroups", List(&Object(ACTION_GROUP))),
    optional("AgentCollaboration", Word(&["DISABLED", "SUPERVISOR", "SUPERVISOR_ROUTER"])),
    optional("AgentCollaborators", List(&Object(COLLABORATOR))),
    optional("AgentResourceRoleArn", Text),
    optional("AutoPrepare", Boolean),
    optional(
        "CustomOrchestration",
        Object(&[optional("Executor", Union(&[optional("Lambda", Text)]))]),
    ),
    optional("CustomerEncryptionKeyArn", Text),
    optional("Description", Text),
    optional("FoundationModel", Text),
    optional(
        "GuardrailConfiguration",
        Object(&[optional("GuardrailIdentifier", Text), optional("GuardrailVersion", Text)]),
    ),
    optional("IdleSessionTTLInSeconds", Integer),
    optional("Instruction", Text),
    optional("KnowledgeBases", List(&Object(KNOWLEDGE_BASE))),
    optional("MemoryConfiguration", Object(MEMORY)),
    optional("OrchestrationType", Word(&["DEFAULT", "CUSTOM_ORCHESTRATION"])),
    optional("PromptOverrideConfiguration", Object(PROMPTS)),
    optional("SkipResourceInUseCheckOnDelete", Boolean),
    optional("Tags", Map(&Text)),
    optional("TestAliasTags", Map(&Text)),
];

const ACTION_GROUP: &[Property] = &[
    required("ActionGroupName", Text),
    optional(
        "ActionGroupExecutor",
        Union(&[optional("Lambda", Text), optional("CustomControl", Word(&["RETURN_CONTROL"]))]),
    ),
    optional("ActionGroupState", Word(SWITCH)),
    optional(
        "ApiSchema",
        Union(&[optional("Payload", Text), optional("S3", Object(OBJECT_IN_S3))]),
    ),
    optional("Description", Text),
    optional("FunctionSchema", Object(&[required("Functions", List(&Object(FUNCTION)))])),
    optional("ParentActionGroupSignature", Word(SIGNATURES)),
    optional("SkipResourceInUseCheckOnDelete", Boolean),
];

const SIGNATURES: &[&str] = &[
    "AMAZON.UserInput",
    "AMAZON.CodeInterpreter",
    "ANTHROPIC.Computer",
    "ANTHROPIC.TextEditor",
    "ANTHROPIC.Bash",
];

const OBJECT_IN_S3: &[Property] = &[optional("S3BucketName", Text), optional("S3ObjectKey", Text)];

const FUNCTION: &[Property] = &[
    required("Name", Text),
    optional("Description", Text),
    optional("Parameters", Map(&Object(PARAMETER))),
    optional("RequireConfirmation", Word(SWITCH)),
];

const PARAMETER: &[Property] = &[
    required("Type", Word(&["string", "number", "integer", "boolean", "array"])),
    optional("Description", Text),
    optional("Required", Boolean),
];

const COLLABORATOR: &[Property] = &[
    required("AgentDescriptor", Object(&[required("AliasArn", Text)])),
    required("CollaborationInstruction", Text),
    required("CollaboratorName", Text),
    optional("RelayConversationHistory", Word(&["TO_COLLABORATOR", "DISABLED"])),
];

const KNOWLEDGE_BASE: &[Property] = &[
    required("KnowledgeBaseId", Text),
    required("Description", Text),
    optional("KnowledgeBaseState", Word(SWITCH)),
];

const MEMORY: &[Property] = &[
    optional("EnabledMemoryTypes", List(&Word(&["SESSION_SUMMARY"]))),
    optional("StorageDays", Integer),
    optional("SessionSummaryConfiguration", Object(&[optional("MaxRecentSessions", Integer)])),
];

const PROMPTS: &[Property] = &[
    required("PromptConfigurations", List(&Object(PROMPT))),
    optional("OverrideLambda", Text),
];

const PROMPT: &[Property] = &[
    optional("AdditionalModelRequestFields", Free),
    optional("BasePromptTemplate", Text),
    optional("FoundationModel", Text),
    optional("InferenceConfiguration", Object(INFERENCE)),
    optional("ParserMode", Word(MODE)),
    optional("PromptCreationMode", Word(MODE)),
    optional("PromptState", Word(SWITCH)),
    optional("PromptType", Word(PROMPT_TYPES)),
];

const PROMPT_TYPES: &[&str] = &[
    "PRE_PROCESSING",
    "ORCHESTRATION",
    "POST_PROCESSING",
    "ROUTING_CLASSIFIER",
    "MEMORY_SUMMARIZATION",
    "KNOWLEDGE_BASE_RESPONSE_GENERATION",
];

const INFERENCE: &[Property] = &[
    optional("MaximumLength", Number),
    optional("StopSequences", List(&Text)),
    optional("Temperature", Number),
    optional("TopK", Number),
    optional("TopP", Number),
];

/// `AWS::Bedrock::AgentAlias`.
pub(crate) const AGENT_ALIAS: &[Property] = &[
    required("AgentAliasName", Text),
    required("AgentId", Text),
    optional("Description", Text),
    optional("RoutingConfiguration", List(&Object(&[required("AgentVersion", Text)]))),
    optional("Tags", Map(&Text)),
];
