//! Compile: an agent's documents → its program, or everything that stands in the way.
//!
//! What a run would need and we do not have yet is refused here by the name of its field, so that nothing is silently
//! left out.

use bedplate_agent::{Action, Executor, Parameter, ParameterType, Program, defaults};
use bedplate_base::{Error, Result};
use bedplate_wire_bedrock_agent::types::{
    ActionGroupExecutor, ActionGroupSignature, ActionGroupState, Agent, AgentActionGroup, AgentCollaboration, CreationMode, Function,
    FunctionSchema, OrchestrationType, PromptConfiguration, PromptState, PromptType, RequireConfirmation,
};

use super::prompts;

/// Longest tool name that models take.
const TOOL_NAME_MAX: usize = 64;

/// Compiles an agent with the action groups of one version.
///
/// # Errors
/// `Validation` with a field for each problem.
pub(crate) fn compile(agent: &Agent, groups: &[AgentActionGroup], steps_max: u32) -> Result<Program> {
    let mut problems = Problems::default();
    agent_fields(agent, &mut problems);
    let mut actions = Vec::new();
    for group in groups.iter().filter(|group| group.action_group_state == ActionGroupState::Enabled) {
        action_group(group, &mut actions, &mut problems);
    }
    let asks_user = groups.iter().any(|group| {
        let asks = group.parent_action_signature == Some(ActionGroupSignature::AmazonUserInput);
        asks && group.action_group_state == ActionGroupState::Enabled
    });
    actions.sort_by(|one, other| one.tool.cmp(&other.tool));
    for pair in actions.windows(2).filter(|pair| pair[0].tool == pair[1].tool) {
        problems.add(
            "functionSchema.functions",
            format!("two functions are offered to the model as {}; rename one", pair[0].tool),
        );
    }
    problems.into_result()?;
    let instruction = agent.instruction.clone().unwrap_or_default();
    let model = agent.foundation_model.clone().unwrap_or_default();
    let idle_s = u64::try_from(agent.idle_session_ttl_in_seconds).unwrap_or(defaults::IDLE_TTL_S);
    Ok(Program::new(agent.agent_name.clone(), model, instruction, actions, idle_s)
        .asking(asks_user)
        .with_steps_max(steps_max))
}

fn agent_fields(agent: &Agent, problems: &mut Problems) {
    if agent.foundation_model.as_deref().is_none_or(str::is_empty) {
        problems.add(
            "foundationModel",
            "an agent needs a model before it can be prepared; set one with UpdateAgent",
        );
    }
    if agent.instruction.as_deref().is_none_or(str::is_empty) {
        problems.add(
            "instruction",
            "an agent needs an instruction before it can be prepared; set one with UpdateAgent",
        );
    }
    if agent.orchestration_type == Some(OrchestrationType::CustomOrchestration) {
        problems.missing("orchestrationType", "CUSTOM_ORCHESTRATION");
    }
    match agent.agent_collaboration {
        None | Some(AgentCollaboration::Disabled) => {}
        Some(kind) => problems.add(
            "agentCollaboration",
            format!("The AgentCollaboration attribute is set to {kind} but no agent collaborators are added."),
        ),
    }
    if agent.guardrail_configuration.is_some() {
        problems.missing("guardrailConfiguration", "a guardrail");
    }
    if agent.memory_configuration.is_some() {
        problems.missing("memoryConfiguration", "memory");
    }
    let overrides = agent.prompt_override_configuration.as_ref();
    if overrides.is_some_and(|overrides| overrides.override_lambda.is_some()) {
        problems.missing("promptOverrideConfiguration.overrideLambda", "a parser function");
    }
    let configurations = overrides
        .map(|overrides| overrides.prompt_configurations.as_slice())
        .unwrap_or_default();
    for (index, configuration) in configurations.iter().enumerate() {
        if matters(configuration) {
            let path = format!("promptOverrideConfiguration.promptConfigurations.{}.member", index + 1);
            problems.missing(&path, "an overridden prompt");
        }
    }
}

/// Whether a prompt configuration changes what a turn does. Steps that stay off, and those of features that are refused
/// elsewhere, do not.
fn matters(configuration: &PromptConfiguration) -> bool {
    use bedplate_wire_bedrock_agent::types::PromptType::{MemorySummarization, Orchestration, PostProcessing, PreProcessing};
    let overridden =
        configuration.prompt_creation_mode == Some(CreationMode::Overridden) || configuration.parser_mode == Some(CreationMode::Overridden);
    let state = configuration.prompt_state;
    match configuration.prompt_type {
        Some(PreProcessing | PostProcessing) => state == Some(PromptState::Enabled) || (overridden && state != Some(PromptState::Disabled)),
        Some(Orchestration) => overridden || state == Some(PromptState::Disabled) || tuned(configuration, Orchestration),
        Some(MemorySummarization) => false,
        _ => overridden && state != Some(PromptState::Disabled),
    }
}

/// Whether a step asks for another model or other parameters than it has by default. Those that `GetAgent` shows may come back as they are.
fn tuned(configuration: &PromptConfiguration, step: PromptType) -> bool {
    let default = prompts::default(step).inference_configuration.unwrap_or_default();
    let other = configuration.inference_configuration.as_ref().is_some_and(|given| {
        given.temperature.is_some_and(|value| Some(value) != default.temperature)
            || given.top_p.is_some_and(|value| Some(value) != default.top_p)
            || given.top_k.is_some_and(|value| Some(value) != default.top_k)
            || given.maximum_length.is_some_and(|value| Some(value) != default.maximum_length)
            || given
                .stop_sequences
                .as_ref()
                .is_some_and(|value| Some(value) != default.stop_sequences.as_ref())
    });
    other || configuration.foundation_model.is_some() || configuration.additional_model_request_fields.is_some()
}

fn action_group(group: &AgentActionGroup, actions: &mut Vec<Action>, problems: &mut Problems) {
    let path = |field: &str| format!("actionGroup {}: {field}", group.action_group_name);
    if group.parent_action_signature == Some(ActionGroupSignature::AmazonUserInput) {
        return;
    }
    if let Some(signature) = group.parent_action_signature {
        problems.missing(&path("parentActionGroupSignature"), signature.as_str());
        return;
    }
    if group.api_schema.is_some() {
        problems.missing(&path("apiSchema"), "an OpenAPI schema");
        return;
    }
    let executor = match &group.action_group_executor {
        Some(ActionGroupExecutor::Lambda(arn)) => Executor::Lambda(arn.clone()),
        Some(ActionGroupExecutor::CustomControl(_)) => Executor::ReturnControl,
        None => {
            return problems.add(
                path("actionGroupExecutor"),
                "it is missing: name a Lambda function, or RETURN_CONTROL",
            );
        }
    };
    let Some(FunctionSchema::Functions(functions)) = &group.function_schema else {
        return problems.add(
            path("functionSchema"),
            "it is missing: an action group needs the functions that it offers",
        );
    };
    for (index, function) in functions.iter().enumerate() {
        let tool = format!("{}__{}", group.action_group_name, function.name);
        if tool.len() > TOOL_NAME_MAX {
            let field = path(&format!("functionSchema.functions.{}.member.name", index + 1));
            problems.add(
                field,
                format!("{tool} has {} characters, models take {TOOL_NAME_MAX}; shorten a name", tool.len()),
            );
        }
        actions.push(action(group, function, tool, executor.clone()));
    }
}

fn action(group: &AgentActionGroup, function: &Function, tool: String, executor: Executor) -> Action {
    let parameters = function.parameters.iter().flatten().map(|(name, detail)| Parameter {
        name: name.clone(),
        kind: ParameterType::parse(detail.r#type.as_str()).unwrap_or(ParameterType::String),
        description: detail.description.clone().unwrap_or_default(),
        required: detail.required.unwrap_or(false),
    });
    Action {
        tool,
        group: group.action_group_name.clone(),
        function: function.name.clone(),
        description: function
            .description
            .clone()
            .or_else(|| group.description.clone())
            .unwrap_or_default(),
        parameters: parameters.collect(),
        executor,
        confirm: function.require_confirmation == Some(RequireConfirmation::Enabled),
    }
}

#[derive(Default)]
struct Problems(Vec<(String, String)>);

impl Problems {
    fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push((field.into(), problem.into()));
    }

    fn missing(&mut self, field: &str, what: &str) {
        self.add(
            field,
            format!("{what} is stored, but this version of Bedplate cannot run it yet; remove it to prepare the agent"),
        );
    }

    fn into_result(self) -> Result<()> {
        let mut problems = self.0.into_iter();
        let Some(first) = problems.next() else {
            return Ok(());
        };
        let rest: Vec<_> = problems.collect();
        let all = std::iter::once(&first).chain(&rest);
        // The service's own sentences stand alone; ours name the field.
        let sentence = |(field, problem): &(String, String)| {
            if problem.starts_with("The ") {
                problem.clone()
            } else {
                format!("{field}: {problem}.")
            }
        };
        let message = all.map(sentence).collect::<Vec<_>>().join(" ");
        let mut error = Error::validation(message);
        for (field, problem) in std::iter::once(first).chain(rest) {
            error = error.with_field(field, problem);
        }
        Err(error)
    }
}
