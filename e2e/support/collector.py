"""A receiver of OTLP over HTTP: decodes what comes with the official protobufs and keeps its spans."""

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .loopback import Handler, Loopback
from .wait import until


def value(any_value):
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(one) for one in any_value.array_value.values]
    return getattr(any_value, kind)


class Span:
    def __init__(self, span, resource):
        self.trace, self.id, self.parent = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
        self.name, self.kind, self.start, self.end = span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano
        self.attributes = {pair.key: value(pair.value) for pair in span.attributes}
        self.failed = span.status.code == 2
        self.resource = resource


class Collector(Loopback):
    def __init__(self):
        self.spans, self.requests, self.status = [], [], 200
        collector = self

        class Takes(Handler):
            def do_POST(self):
                body = self.body()
                collector.take(self.path, {name.lower(): text for name, text in self.headers.items()}, body)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

        super().__init__(Takes)

    def take(self, path, headers, body):
        request = ExportTraceServiceRequest.FromString(body)
        assert not len(UnknownFieldSet(request))
        self.requests.append((path, headers))
        if self.status != 200:
            return
        for group in request.resource_spans:
            resource = {pair.key: value(pair.value) for pair in group.resource.attributes}
            for scope in group.scope_spans:
                assert scope.scope.name == "bedplate" and scope.schema_url
                assert not any(len(UnknownFieldSet(span)) for span in scope.spans)
                self.spans.extend(Span(span, resource) for span in scope.spans)

    def wait(self, count):
        """At least `count` spans, in order of their beginnings."""
        until(lambda: len(self.spans) >= count, lambda: f"{count} spans; there are {[span.name for span in self.spans]}")
        return sorted(self.spans, key=lambda span: (span.start, span.name))
