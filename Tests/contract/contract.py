"""docs/protocol/openapi.yaml as a judge: does this response, does this event say what the document says, and no more?

Clients ignore fields they do not know, so the document forbids none. Here every field that the server sends has to be
named: a field that is not in the document is one that nobody promised to keep.
"""

import json
import re

import jsonschema_rs
import yaml

from server import ROOT

DOCUMENT = ROOT / "docs/protocol/openapi.yaml"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}
COMBINED = ("allOf", "anyOf", "oneOf")


class Broken(AssertionError):
    """What was sent differs from what is written."""


class Contract:
    def __init__(self, document=DOCUMENT):
        self.document = yaml.safe_load(document.read_text())
        self.operations = {}
        for path, item in self.document["paths"].items():
            # Ids have no slash in them.
            pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
            for method in item.keys() & METHODS:
                self.operations[item[method]["operationId"]] = (method.upper(), pattern, item[method])
        self._components = {"schemas": {
            name: closed(schema, is_whole=False) for name, schema in self.document["components"]["schemas"].items()}}
        self._validators = {}

    def operation_at(self, method, path):
        """Of templates that compete for a path the one with fewer variables is meant (OpenAPI §4.8.2)."""
        found = [
            (pattern.pattern.count("[^/]+"), name)
            for name, (its, pattern, _) in self.operations.items() if its == method and pattern.fullmatch(path)]
        found = [name for count, name in found if count == min(found)[0]]
        if len(found) != 1:
            raise Broken(f"{method} {path}: {len(found)} operations of the document are meant")
        return found[0]

    def successes(self, operation):
        return {int(status) for status in self.operations[operation][2]["responses"] if status.startswith("2")}

    def check(self, operation, status, headers, body):
        """`headers` is a case-insensitive mapping; `body` is bytes, of a stream as much as was read."""
        response, media = self._media(operation, status, headers)
        if media is None or media == "*/*" or self.operations[operation][0] == "HEAD":
            return  # nothing, or bytes of any kind
        if media == "text/event-stream":
            for event in server_sent_events(body):
                self.check_event(operation, event)
            return
        where = f"{operation} {status}"
        schema = response["content"][media].get("schema")
        if schema is not None:
            self._validate(where, schema, parsed(where, body) if media.endswith("json") else body.decode())

    def check_event(self, operation, event):
        """Gives the data of the event."""
        item = self._resolved(self.operations[operation][2]["responses"]["200"])["content"]["text/event-stream"][
            "itemSchema"]
        self._validate(f"{operation} event", item, event)
        data = parsed(f"{operation} {event['event']}", event["data"])
        if event["event"] != data.get("type"):
            raise Broken(f"{operation}: event: {event['event']}, but type: {data.get('type')}")
        schemas = self._events(item["properties"]["data"]["contentSchema"])
        if event["event"] not in schemas:
            raise Broken(f"{operation}: no event {event['event']} in the document for this stream")
        self._validate(f"{operation} {event['event']}", schemas[event["event"]], data)
        return data

    def _media(self, operation, status, headers):
        responses = self.operations[operation][2]["responses"]
        if str(status) not in responses:
            raise Broken(f"{operation}: status {status} is not in the document, only {', '.join(responses)}")
        response = self._resolved(responses[str(status)])
        media = headers.get("Content-Type", "").split(";")[0]
        if "content" not in response:
            media = None
        elif "*/*" in response["content"]:
            media = "*/*"
        elif media not in response["content"]:
            raise Broken(f"{operation} {status}: {media or 'no type'}, not {', '.join(response['content'])}")
        for name, header in response.get("headers", {}).items():
            header = self._resolved(header)
            if name not in headers:
                if header.get("required"):
                    raise Broken(f"{operation} {status}: no header {name}")
                continue
            value = headers[name]
            number = header["schema"]["type"] == "integer" and value.isdecimal()
            self._validate(f"{operation} {status} header {name}", header["schema"], int(value) if number else value)
        return response, media

    def _events(self, schema):
        """Which schema is meant by which type: what fails then says why, not that it is none of twelve."""
        if "oneOf" in (schema := self._resolved(schema)):
            return {kind: found for one in schema["oneOf"] for kind, found in self._events(one).items()}
        kind = schema["properties"]["type"]
        return dict.fromkeys(kind.get("enum", [kind.get("const")]), schema)

    def _resolved(self, item):
        if set(item) == {"$ref"}:
            found = self.document
            for part in item["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            return self._resolved(found)
        return item

    def _validate(self, where, schema, value):
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            whole = closed(schema) | {"components": self._components}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        for error in self._validators[key].iter_errors(value):
            at = ".".join(str(part) for part in error.instance_path) or "the whole"
            raise Broken(f"{where}: {at}: {error.message}")


def closed(schema, is_whole=True):
    """The schema with no room for a field it does not name. What is combined (allOf …) is closed as one whole."""
    if not isinstance(schema, dict):
        return schema
    result = dict(schema)
    if "properties" in schema:
        result["properties"] = {name: closed(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        result["items"] = closed(schema["items"])
    for keyword in COMBINED:
        if keyword in schema:
            result[keyword] = [closed(inner, is_whole=False) for inner in schema[keyword]]
    if is_whole:
        result["unevaluatedProperties"] = False
    return result


def parsed(where, text):
    try:
        return json.loads(text)
    except ValueError:
        raise Broken(f"{where}: the body is not JSON") from None


def server_sent_events(content):
    """The complete events in what was read. What our server writes: LF, one data line; anything else is a failure."""
    events = []
    for block in content.decode().split("\n\n")[:-1]:
        event = {}
        for line in block.split("\n"):
            name, colon, value = line.partition(": ")
            if not colon or name in event:
                raise Broken(f"a stream: the line {line!r}")
            event[name] = int(value) if name == "retry" else value
        events.append(event)
    return events
