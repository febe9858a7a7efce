"""Compares Collector's responses with its description, cmd/collector/openapi.json. A response whose status, header
fields, media type or body is not described fails the test that received it.

The description leaves objects open, so that clients expect new members in the future. Here they are closed: an
undescribed member is an error, unless the description allows additional ones (`additionalProperties`)."""

import gzip
import json
import re
from functools import lru_cache
from urllib.parse import unquote

import jsonschema

from .deadline import ROOT

SOURCE = ROOT / "cmd/collector/openapi.json"
# General HTTP header fields, and those that keep browsers from guessing.
COMMON = {"date", "connection", "keep-alive", "content-type", "content-length", "content-encoding", "transfer-encoding",
          "x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy"}
# Statuses that the server sends before it checks the method, or for a method that the path does not support.
BEFORE_THE_METHOD = {400, 401, 405, 408, 413, 414, 431, 503}
PROBLEM = "#/components/schemas/Problem"


def _closed(schema):
    """A copy in which objects allow only the described members."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {name: _closed(each) for name, each in schema.items()}
    if isinstance(schema.get("properties"), dict):
        copy.setdefault("additionalProperties", False)
    return copy


class Description:
    """The description, prepared for comparing responses with it."""

    def __init__(self, text):
        self.document = json.loads(text)
        self.schemas = {"schemas": _closed(self.document["components"]["schemas"])}
        self.paths = self.document["paths"]
        self.templates = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path)
                          for path in self.paths if "{" in path]
        self.validators = {}

    def resolve(self, thing):
        """The target of a reference."""
        while "$ref" in thing:
            target = self.document
            for name in thing["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            thing = target
        return thing

    def validate(self, schema, value, what):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = jsonschema.Draft202012Validator({**_closed(schema), "components": self.schemas})
        error = jsonschema.exceptions.best_match(self.validators[key].iter_errors(value))
        assert not error, f"{what}: {error.json_path}: {error.message}"

    def item_of(self, target):
        """The path template and its description; (None, None) if it is not described."""
        path = unquote(re.sub(r"^https?://[^/]*", "", target).split("?")[0])
        if path in self.paths:
            return path, self.paths[path]
        for pattern, name in self.templates:
            if pattern.fullmatch(path):
                return name, self.paths[name]
        return None, None

    def check_headers(self, described, answer, what):
        described = {name.lower(): self.resolve(each) for name, each in described.items()}
        for name, each in described.items():
            value = answer.header(name)
            if value is None:
                assert not each.get("required"), f"{what}: no {name}"
                continue
            if each["schema"].get("type") == "integer":
                assert re.fullmatch("[0-9]+", value), f"{what}: {name}: {value}"
                value = int(value)
            self.validate(each["schema"], value, f"{what}: {name}")
        other = {name.lower() for name, _ in answer.headers} - set(described) - COMMON
        assert not other, f"{what}: not described: {', '.join(sorted(other))}"

    def check_body(self, content, answer, what):
        assert content or not answer.body, f"{what}: no body is described"
        if not content:
            return
        assert answer.media_type in content, f"{what}: {answer.media_type} is not described"
        body = answer.body
        if answer.header("content-encoding") == "gzip":
            body = gzip.decompress(body)
        text = body.decode("utf-8")
        is_json = answer.media_type == "application/json" or answer.media_type.endswith("+json")
        self.validate(content[answer.media_type]["schema"], json.loads(text) if is_json else text, what)

    def check_problem(self, answer, statuses, what):
        """A response to an undescribed method or path."""
        assert answer.status in statuses, f"{what}: the status is not described"
        assert answer.status != 405 or answer.header("allow"), f"{what}: no Allow"
        assert answer.header("x-correlation-id"), f"{what}: no x-correlation-id"
        if answer.body:
            self.check_body({"application/problem+json": {"schema": {"$ref": PROBLEM}}}, answer, what)

    def check(self, method, target, answer):
        """Fails if the response does not match the description of such a request."""
        what = f"{method} {target[:200]}: {answer.status} as openapi.json describes it"
        name, item = self.item_of(target)
        if name is None or (method == "OPTIONS" and answer.status == 204):
            self.check_problem(answer, BEFORE_THE_METHOD | {404, 204}, what)
            return
        operation = item.get(method.lower()) or (item["get"] if method == "HEAD" and "get" in item else None)
        if not operation:
            self.check_problem(answer, BEFORE_THE_METHOD, what)
            return
        response = operation["responses"].get(str(answer.status))
        assert response, f"{what}: the status is not described"
        response = self.resolve(response)
        self.check_headers(response.get("headers", {}), answer, what)
        if method != "HEAD":
            self.check_body(response.get("content"), answer, what)


@lru_cache(maxsize=None)
def collectors():
    """Collector's description."""
    return Description(SOURCE.read_text())


def check(method, target, answer):
    """An `on_answer` of http_client.Client."""
    collectors().check(method, target, answer)
