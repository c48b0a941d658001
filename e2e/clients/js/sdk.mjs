// Does one task with the AWS SDK for JavaScript and prints what came of it as JSON. The task is JSON on standard input:
// {"do": NAME, "http": "1" | "2" | "default", "input": {…}}. CLIENTS names the folder whose node_modules has the SDK.
import { createRequire } from "node:module";
import { join } from "node:path";

const need = createRequire(join(process.env.CLIENTS, "package.json"));
const control = need("@aws-sdk/client-bedrock-agent");
const agents = need("@aws-sdk/client-bedrock-agent-runtime");
const models = need("@aws-sdk/client-bedrock-runtime");
const { NodeHttpHandler, NodeHttp2Handler } = need("@smithy/node-http-handler");

// What a client is made of: endpoint, region and credentials come from the environment, as everywhere.
function options(http) {
  if (http === "1") return { requestHandler: new NodeHttpHandler() };
  if (http === "2") return { requestHandler: new NodeHttp2Handler() };
  return {};
}

const text = (bytes) => new TextDecoder().decode(bytes);

// The events of a stream; an exception in it, or before it, is kept by its class.
async function drain(stream, read) {
  const events = [];
  try {
    for await (const event of stream) events.push(read(event));
  } catch (error) {
    return { events, error: { name: error.name, message: error.message, fault: error.$fault ?? null } };
  }
  return { events };
}

const tasks = {
  async invoke(http, input) {
    const client = new agents.BedrockAgentRuntimeClient(options(http));
    const answer = await client.send(new agents.InvokeAgentCommand(input));
    const read = (event) => (event.chunk ? { chunk: text(event.chunk.bytes) } : event);
    const { contentType, sessionId, $metadata } = answer;
    const drained = await drain(answer.completion, read);
    client.destroy();
    return { contentType, sessionId, status: $metadata.httpStatusCode, requestId: $metadata.requestId, ...drained };
  },

  async converse(http, input) {
    const client = new models.BedrockRuntimeClient(options(http));
    const { output, stopReason, usage } = await client.send(new models.ConverseCommand(input));
    client.destroy();
    return { output, stopReason, usage };
  },

  async converseStream(http, input) {
    const client = new models.BedrockRuntimeClient(options(http));
    const answer = await client.send(new models.ConverseStreamCommand(input));
    const drained = await drain(answer.stream, (event) => event);
    client.destroy();
    return drained;
  },

  async invokeModel(http, { modelId, body }) {
    const client = new models.BedrockRuntimeClient(options(http));
    const sent = { modelId, body: JSON.stringify(body), contentType: "application/json" };
    const whole = await client.send(new models.InvokeModelCommand(sent));
    const parts = await client.send(new models.InvokeModelWithResponseStreamCommand(sent));
    const drained = await drain(parts.body, (event) => JSON.parse(text(event.chunk.bytes)));
    client.destroy();
    return { whole: JSON.parse(text(whole.body)), ...drained };
  },

  // An agent from nothing to nothing, by this SDK alone.
  async life(http, { name, model, role, lambda, functions }) {
    const client = new control.BedrockAgentClient(options(http));
    const agent = { agentName: name, foundationModel: model, agentResourceRoleArn: role, instruction: "You look rooms up and never guess, not even once." };
    const made = (await client.send(new control.CreateAgentCommand(agent))).agent;
    const agentId = made.agentId;
    const group = { agentId, agentVersion: "DRAFT", actionGroupName: "rooms", actionGroupExecutor: { lambda }, functionSchema: { functions } };
    await client.send(new control.CreateAgentActionGroupCommand(group));
    const prepared = await client.send(new control.PrepareAgentCommand({ agentId }));
    const alias = (await client.send(new control.CreateAgentAliasCommand({ agentId, agentAliasName: "live" }))).agentAlias;
    const seen = [];
    for await (const page of control.paginateListAgentVersions({ client, pageSize: 1 }, { agentId })) {
      seen.push(...page.agentVersionSummaries.map((one) => one.agentVersion));
    }
    const runtime = new agents.BedrockAgentRuntimeClient(options(http));
    const turn = await runtime.send(
      new agents.InvokeAgentCommand({ agentId, agentAliasId: alias.agentAliasId, sessionId: "js-life", inputText: "Look." }),
    );
    const { events } = await drain(turn.completion, (event) => text(event.chunk.bytes));
    await client.send(new control.DeleteAgentAliasCommand({ agentId, agentAliasId: alias.agentAliasId }));
    await client.send(new control.DeleteAgentCommand({ agentId, skipResourceInUseCheck: true }));
    let gone = null;
    try {
      await client.send(new control.GetAgentCommand({ agentId }));
    } catch (error) {
      gone = { name: error.name, known: error instanceof control.ResourceNotFoundException, status: error.$metadata.httpStatusCode };
    }
    client.destroy();
    runtime.destroy();
    const created = made.createdAt instanceof Date;
    return { created, status: [made.agentStatus, prepared.agentStatus], versions: seen, answer: events.join(""), gone };
  },

  // Several turns at once over one client, which over HTTP/2 is one connection.
  async crowd(http, { turns, ...input }) {
    const client = new agents.BedrockAgentRuntimeClient(options(http));
    const ask = async (number) => {
      const sent = { ...input, sessionId: `${input.sessionId}-${number}`, inputText: `number ${number}` };
      const answer = await client.send(new agents.InvokeAgentCommand(sent));
      return (await drain(answer.completion, (event) => text(event.chunk.bytes))).events.join("");
    };
    const answers = await Promise.all(Array.from({ length: turns }, (_, number) => ask(number)));
    client.destroy();
    return answers;
  },
};

let given = "";
for await (const part of process.stdin) given += part;
const task = JSON.parse(given);
let outcome;
try {
  outcome = await tasks[task.do](task.http, task.input);
} catch (error) {
  outcome = { refused: { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode ?? null } };
}
console.log(JSON.stringify(outcome));
