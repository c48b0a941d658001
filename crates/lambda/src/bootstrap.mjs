// Runs a JavaScript handler behind the Lambda Runtime API. Node's own modules only; part of Bedplate.
//
// It asks for the next event, calls the handler, posts what it returned or threw, and so on until the connection to the server
// breaks: then nobody waits for this process any more and it ends.

import { existsSync, readFileSync, statSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { format, types } from "node:util";

const [HOST, PORT] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const ROOT = process.env.LAMBDA_TASK_ROOT;
const OURS = fileURLToPath(import.meta.url);
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const HIGH_WATER_MARK = Symbol.for("aws.lambda.runtime.handler.streaming.highWaterMark");
/** Between the head and the body of a streamed HTTP answer. */
const PRELUDE_END = Buffer.alloc(8);

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** A request to the Runtime API; the answer's body is collected. */
function begin(method, place, headers, answered) {
  const request = http.request({ host: HOST, port: PORT, method, path: `/2018-06-01/runtime/${place}`, agent, headers }, (answer) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part));
    answer.on("end", () => answered({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }));
    answer.on("error", gone);
  });
  request.on("error", gone);
  return request;
}

/** The server is gone, or this process has been replaced. */
function gone() {
  process.exit(0);
}

function call(method, place, body = "", headers = {}) {
  const bytes = Buffer.from(body);
  const all = { "Content-Type": "application/json", "Content-Length": bytes.length, ...headers };
  return new Promise((answered) => begin(method, place, all, answered).end(bytes));
}

/** Something that went wrong around the handler, under a type name of the service. */
class Failure extends Error {
  constructor(type, message, cause) {
    super(message);
    this.name = type;
    if (cause?.stack) this.stack = `${type}: ${message}\n${cause.stack.split("\n").slice(1).join("\n")}`;
  }
}

/** The document that stands for whatever was thrown. Looking at it may itself throw. */
function describe(error) {
  try {
    if (types.isNativeError(error) || (error && typeof error.message === "string" && typeof error.name === "string")) {
      const trace = String(error.stack ?? "").split("\n").filter((line) => !line.includes(OURS));
      return { errorType: String(error.name), errorMessage: String(error.message), trace };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return { errorType: "handled", errorMessage: "The handler failed with something that cannot be shown as text", trace: [] };
  }
}

const declared = (document) => ({ "Lambda-Runtime-Function-Error-Type": document.errorType.replace(/[^\x20-\x7e]/g, "?").slice(0, 200) });

/** The invoke that is being worked on. */
let current = null;

function log(level, values) {
  process.stdout.write(`${new Date().toISOString()}\t${current?.id ?? "undefined"}\t${level}\t${format(...values)}\n`);
}

function prepareConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
  for (const [method, level] of Object.entries(levels)) console[method] = (...values) => log(level, values);
}

/** What a streaming handler writes to: the body of the answer, sent as it comes. */
class ResponseStream extends Writable {
  #id;
  #done;
  #request = null;
  #type = "application/octet-stream";
  #over = false;

  constructor(id, highWaterMark, done) {
    super(highWaterMark ? { highWaterMark } : {});
    this.#id = id;
    this.#done = done;
  }

  setContentType(type) {
    this.#type = type;
  }

  get begun() {
    return this.#request !== null;
  }

  get over() {
    return this.#over;
  }

  #open() {
    this.#request ??= begin(
      "POST",
      `invocation/${this.#id}/response`,
      {
        "Content-Type": this.#type,
        "Lambda-Runtime-Function-Response-Mode": "streaming",
        "Transfer-Encoding": "chunked",
        Trailer: "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
      },
      () => this.#done(),
    );
    return this.#request;
  }

  _write(chunk, _encoding, written) {
    if (this.#over) return written();
    // Written when the socket took it: a client that reads slowly slows the handler down.
    this.#open().write(chunk, () => written());
  }

  _final(written) {
    if (this.#over) return written();
    this.#over = true;
    this.#open().end(() => written());
  }

  /** Ends an answer that has begun with an error. */
  fail(document) {
    this.#over = true;
    const body = Buffer.from(JSON.stringify(document)).toString("base64");
    this.#request.addTrailers({ ...declared(document), "Lambda-Runtime-Function-Error-Body": body });
    this.#request.end();
  }
}

globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMING] = "response";
    if (options?.highWaterMark !== undefined) handler[HIGH_WATER_MARK] = Number(options.highWaterMark);
    return handler;
  },
  HttpResponseStream: {
    /** Status, headers and cookies before the body, as function URLs read them. */
    from(stream, metadata) {
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(metadata));
      stream.write(PRELUDE_END);
      return stream;
    },
  },
};

/** Whether a `.js` file is an ES module: the nearest package.json says so. */
function isModule(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const note = path.join(folder, "package.json");
    if (existsSync(note)) {
      try {
        return JSON.parse(readFileSync(note, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (folder === path.dirname(folder)) return false;
  }
}

/** Finds and loads `folder/file.name.of.export`. */
async function load(text) {
  const base = path.basename(text);
  const [, name, place] = /^([^.]+)\.(.+)$/.exec(base) ?? [];
  if (!name || text.includes("..")) {
    throw new Failure("Runtime.MalformedHandlerName", `Bad handler '${text}': it must be file.function`);
  }
  const stem = path.resolve(ROOT, path.dirname(text), name);
  const isFile = (file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  const file = ["", ".js", ".mjs", ".cjs"].map((ending) => stem + ending).find(isFile);
  const require = createRequire(path.join(ROOT, "index.js"));
  let loaded;
  try {
    if (file && (file.endsWith(".mjs") || (file.endsWith(".js") && isModule(file)))) {
      loaded = await import(pathToFileURL(file).href);
    } else {
      loaded = require(file ?? (existsSync(stem) ? stem : path.join(path.dirname(text), name)));
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failure("Runtime.UserCodeSyntaxError", String(error), error);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) {
      throw new Failure("Runtime.ImportModuleError", String(error), error);
    }
    throw error;
  }
  const within = (from) => place.split(".").reduce((value, key) => value?.[key], from);
  const handler = within(loaded) ?? within(loaded?.default);
  if (handler === undefined) throw new Failure("Runtime.HandlerNotFound", `${text} is undefined or not exported`);
  if (typeof handler !== "function") throw new Failure("Runtime.HandlerNotFound", `${text} is not a function`);
  return handler;
}

/** The second argument of a handler; names as in the Lambda developer guide. */
function contextOf(headers, settle) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client ? JSON.parse(client) : undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
    // The oldest way to answer: at once, whatever still runs.
    done: (error, result) => (error ? settle.fail(error) : settle.succeed(result)),
    succeed: (result) => settle.succeed(result),
    fail: (error) => settle.fail(error ?? "handled"),
  };
}

/** Runs one invoke; resolves when its answer has been posted. */
function invoke(handler, headers, body) {
  const id = headers["lambda-runtime-aws-request-id"];
  return new Promise((posted) => {
    let settled = false;
    const once = (finish) => (value) => {
      if (settled) return;
      settled = true;
      finish(value);
    };
    const fail = once((error) => {
      const document = describe(error);
      log("ERROR", ["Invoke Error", "\t" + JSON.stringify({ ...document, stack: document.trace, trace: undefined })]);
      if (stream?.begun) stream.fail(document);
      else call("POST", `invocation/${id}/error`, JSON.stringify(document), declared(document)).then(posted);
    });
    const answer = (text) => call("POST", `invocation/${id}/response`, text).then(posted);
    const succeed = once((result) => {
      let text;
      try {
        text = JSON.stringify(result === undefined ? null : result) ?? "null";
      } catch (error) {
        settled = false;
        return fail(new Failure("Runtime.MarshalError", `Unable to stringify response body as json: ${error?.message}`));
      }
      return answer(text);
    });
    const streams = handler[STREAMING] === "response";
    const sent = () => (crashed ? crashed() : posted());
    const stream = streams ? new ResponseStream(id, handler[HIGH_WATER_MARK], sent) : null;
    // What is posted when nothing is left to do and nobody has answered.
    let last = () => succeed(null);
    current = { id, stream, idle: () => last() };

    const context = contextOf(headers, { succeed, fail });
    const callback = (error, result) => {
      const finish = () => (error !== undefined && error !== null ? fail(error) : succeed(result));
      // As AWS: errors and impatient handlers are answered at once, the others when nothing is left to do.
      if (error !== undefined && error !== null) finish();
      else if (context.callbackWaitsForEmptyEventLoop) last = finish;
      else finish();
    };
    try {
      let event;
      try {
        event = JSON.parse(body.toString("utf8"));
      } catch (error) {
        throw new Failure("Runtime.UnmarshalError", `Unable to unmarshal input: ${error.message}`);
      }
      if (stream) {
        stream.on("error", fail);
        last = () => stream.end();
        Promise.resolve(handler(event, stream, context)).then(() => {
          if (!stream.writableEnded) stream.end();
        }, fail);
        return;
      }
      const result = handler(event, context, callback);
      if (typeof result?.then === "function") result.then(succeed, fail);
    } catch (error) {
      fail(error);
    }
  });
}

/** Ends the process; set when an answer on its way out has to end with the error first. */
let crashed = null;

/** An error that nobody caught ends the process, with its invoke. */
async function crash(what, document, code) {
  log("ERROR", [what, "\t" + JSON.stringify({ ...document, stack: document.trace, trace: undefined })]);
  if (current?.stream?.begun && !current.stream.over) {
    // There is one connection, and this answer has it: the error cannot go out beside it.
    crashed = () => process.exit(code);
    return current.stream.fail(document);
  }
  const place = current ? `invocation/${current.id}/error` : "init/error";
  await call("POST", place, JSON.stringify(document), declared(document));
  process.exit(code);
}

async function main() {
  prepareConsole();
  process.on("uncaughtException", (error) => crash("Uncaught Exception", describe(error), 129));
  process.on("unhandledRejection", (reason) => {
    const found = describe(reason);
    const document = { errorType: "Runtime.UnhandledPromiseRejection", errorMessage: `${found.errorType}: ${found.errorMessage}`, trace: found.trace };
    crash("Unhandled Promise Rejection", document, 128);
  });
  process.on("beforeExit", () => current?.idle());
  let handler;
  try {
    handler = await load(process.env._HANDLER);
  } catch (error) {
    return crash("Uncaught Exception", describe(error), 1);
  }
  for (;;) {
    const { status, headers, body } = await call("GET", "invocation/next");
    if (status !== 200) gone();
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] ?? "";
    await invoke(handler, headers, body);
    current = null;
  }
}

main();
