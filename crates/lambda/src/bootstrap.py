"""Runs a Python handler behind the Lambda Runtime API. Standard library only; part of Bedplate.

It asks for the next event, calls the handler, posts what it returned or raised, and so on until the connection to the
server breaks: then nobody waits for this process any more and it ends.
"""

import os
import sys

# The folder of this file must not be searched for modules, the handler's folder must.
sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]

import decimal
import importlib
import json
import logging
import socket
import time

ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]


def limit():
    """Limits this process and what it starts: bytes of address space, bytes of a file, open files; no core files."""
    wanted = sys.argv.pop(1).split(",") if len(sys.argv) > 1 else []
    try:
        import resource
    except ImportError:
        return
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    for kind, value in list(zip(kinds, map(int, wanted))) + [(resource.RLIMIT_CORE, 0)]:
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            pass  # this system does not limit that


class Api:
    """One connection, kept open. The server always states a length, so this is all of HTTP that is needed."""

    def __init__(self):
        host, port = ADDRESS.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def call(self, method, path, body=b"", error_type=None):
        head = "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (
            method,
            path,
            ADDRESS,
            len(body),
        )
        if error_type:
            head += "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type.encode("ascii", "replace").decode()
        self.socket.sendall(head.encode("ascii") + b"\r\n" + body)
        status = self.line().split(None, 2)
        if len(status) < 2:
            raise ConnectionError("the server closed the connection")
        headers = {}
        while True:
            name, _, value = self.line().partition(b":")
            if not name:
                break
            headers[name.strip().lower().decode()] = value.strip().decode("utf-8", "replace")
        return int(status[1]), headers, self.file.read(int(headers.get("content-length", 0)))

    def line(self):
        return self.file.readline(65536).rstrip(b"\r\n")


class ClientContext:
    """What the caller of the function passed beside the event."""

    def __init__(self, document):
        self.client = None
        if isinstance(document.get("client"), dict):
            self.client = Client(document["client"])
        self.custom = document.get("custom")
        self.env = document.get("env")


class Client:
    def __init__(self, document):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, document.get(name))


class Identity:
    cognito_identity_id = None
    cognito_identity_pool_id = None


class Context:
    """The second argument of a handler; names as in the Lambda developer guide."""

    def __init__(self, headers):
        self.aws_request_id = headers["lambda-runtime-aws-request-id"]
        self.invoked_function_arn = headers["lambda-runtime-invoked-function-arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = None
        if headers.get("lambda-runtime-client-context"):
            document = json.loads(headers["lambda-runtime-client-context"])
            self.client_context = ClientContext(document if isinstance(document, dict) else {})
        self._deadline_ms = int(headers["lambda-runtime-deadline-ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class Failure(Exception):
    """Something that went wrong around the handler, under a type name of the service."""

    def __init__(self, error_type, message, stack=()):
        super().__init__(message)
        self.error_type = error_type
        self.stack = list(stack)


class RequestIds(logging.Filter):
    """Puts the current request id into log records, as the managed runtimes do."""

    current = ""

    def filter(self, record):
        record.aws_request_id = RequestIds.current
        return True


def prepare_output():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(RequestIds())
    logging.getLogger().addHandler(handler)


def load(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot or not module_name or not function_name:
        raise Failure("Runtime.MalformedHandlerName", "Bad handler '%s': it must be module.function" % name)
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise Failure("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, error), frames(error))
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s\n' % (error.filename, error.lineno, (error.text or "").strip())
        raise Failure("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, error), [place])
    function = getattr(module, function_name, None)
    if not callable(function):
        raise Failure("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
    return function


def frames(error):
    """The frames of the function's own code, as text, outermost first."""
    import traceback

    found = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in found if frame.filename != __file__ and not frame.filename.startswith("<frozen importlib")]
    return traceback.format_list(own)


def describe(error, request_id):
    """The document that stands for an error, its type, and the lines for the log."""
    failure = isinstance(error, Failure)
    error_type = error.error_type if failure else type(error).__name__
    stack = error.stack if failure else frames(error)
    try:
        message = str(error)
    except Exception:
        message = "(this error cannot be shown as text)"
    log = "[ERROR] %s: %s\n" % (error_type, message)
    if stack:
        log += "Traceback (most recent call last):\n" + "".join(stack)
    document = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": stack}
    return json.dumps(document).encode(), error_type, log


def more_types(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() and value.is_finite() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def to_json(value):
    try:
        text = json.dumps(value, default=more_types, ensure_ascii=False)
    except Exception as error:
        raise Failure("Runtime.MarshalError", "Unable to marshal response: %s" % error)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: only its escape is text
        return json.dumps(value, default=more_types).encode()


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # the handler closed it; that is its own affair


def say(text):
    try:
        sys.stdout.write(text)
    except Exception:
        pass  # as above
    flush()


def invoke(handler, headers, body):
    try:
        event = json.loads(body)
    except Exception as error:
        raise Failure("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
    return to_json(handler(event, Context(headers)))


def main():
    limit()
    prepare_output()
    api = Api()
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:
        document, error_type, log = describe(error, "")
        say(log)
        api.call("POST", "init/error", document, error_type)
        os._exit(1)
    flush()
    while True:
        status, headers, body = api.call("GET", "invocation/next")
        if status != 200:
            os._exit(0)
        request_id = headers["lambda-runtime-aws-request-id"]
        RequestIds.current = request_id
        os.environ["_X_AMZN_TRACE_ID"] = headers.get("lambda-runtime-trace-id", "")
        try:
            result = invoke(handler, headers, body)
        except Exception as error:
            document, error_type, log = describe(error, request_id)
            say(log)
            api.call("POST", "invocation/%s/error" % request_id, document, error_type)
        else:
            flush()
            api.call("POST", "invocation/%s/response" % request_id, result)


if __name__ == "__main__":
    try:
        main()
    except (ConnectionError, BrokenPipeError):
        os._exit(0)  # the server is gone, or this process has been replaced
