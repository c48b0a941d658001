// Writes javascript.json: a request as AWS's JavaScript SDK sends it over HTTP/2, with made-up keys and a shifted clock.
//
//     npm install @aws-sdk/client-bedrock-agent-runtime && node javascript.mjs > javascript.json    (3.1162 made the committed file)

import http2 from "node:http2";
import { BedrockAgentRuntimeClient, InvokeAgentCommand } from "@aws-sdk/client-bedrock-agent-runtime";

const now = "2026-11-21T15:04:05Z";
const credentials = { accessKeyId: "AKIDEXAMPLE00000001", secretAccessKey: "made-up-secret/of+forty=characters000001" };
const server = http2.createServer();
server.on("stream", (stream, { ":authority": authority, ":path": target, ":method": method, ...headers }) => {
  let body = "";
  stream.setEncoding("utf8").on("data", (text) => (body += text));
  stream.on("end", () => {
    const plain = Object.entries(headers).filter(([name]) => !name.startsWith(":") && name !== "user-agent"); // the agent is not signed
    const known = { now, access_key: credentials.accessKeyId, secret: credentials.secretAccessKey };
    console.log(JSON.stringify({ ...known, case: [{ name: "a turn of JavaScript's", method, target, authority, headers: plain, body }] }, null, 1));
    process.exit(0);
  });
});
server.listen(7780, "127.0.0.1", () => {
  const systemClockOffset = Date.parse(now) - Date.now();
  const client = new BedrockAgentRuntimeClient({ region: "eu-central-1", endpoint: "http://127.0.0.1:7780", credentials, systemClockOffset });
  client.send(new InvokeAgentCommand({ agentId: "AGENT00001", agentAliasId: "ALIAS00001", sessionId: "a:b..c", inputText: "Grüße" }));
});
