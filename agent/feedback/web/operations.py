"""The API as a list of operations: routes, checks and the OpenAPI document come from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic.json_schema import models_json_schema

from agent import __version__
from agent.errors import AgentError
from agent.feedback.web.answers import Problem

COMMAND_HEADER: Final = "X-Emotion-Agent"
"""Commands must carry it, whatever its value: a foreign page cannot add it."""
JSON: Final = "application/json"
_PATIENCE: Final = 10.0
"""Seconds that a client may take for a body."""

_Given = TypeVar("_Given", bound=BaseModel)
_PROBLEMS: Final = {
    400: "What was given cannot be used.",
    401: "A token or a login is needed.",
    403: "The request comes from a foreign site or calls this machine by a foreign name.",
    408: "The body did not come.",
    409: "Not possible with these settings, or while the camera is off.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    503: "Not possible now.",
}


@dataclass(frozen=True)
class Operation:
    """One thing that the API does."""

    method: str
    path: str
    summary: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    answer: type[BaseModel] | str
    """What it answers; a media type where that is no JSON."""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    open: bool = False
    """Whether it needs no token or login."""


def problem(status: int, error: str, **headers: str) -> web.Response:
    """An answer that says what is wrong."""
    return web.json_response({"error": error}, status=status, headers=headers)


def answer(given: BaseModel) -> web.Response:
    """A JSON answer."""
    return web.Response(text=given.model_dump_json(), content_type=JSON)


def query_of(request: web.Request, model: type[_Given]) -> _Given:
    """What the address asks for. Raises `AgentError` if it cannot be used."""
    twice = {key for key in request.query if len(request.query.getall(key)) > 1}
    if twice:
        raise AgentError(f"{', '.join(sorted(twice))}: given more than once")
    return _validated(model, dict(request.query))


async def body_of(request: web.Request, model: type[_Given]) -> _Given:
    """What the body says. Raises `AgentError` if it cannot be used."""
    if request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType
    try:
        text = await asyncio.wait_for(request.read(), _PATIENCE)
    except (asyncio.TimeoutError, TimeoutError):
        raise web.HTTPRequestTimeout from None
    try:
        return _validated(model, json.loads(text))
    except (ValueError, RecursionError):
        raise AgentError("the body is not JSON") from None


def _validated(model: type[_Given], given: Any) -> _Given:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        told = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise AgentError("; ".join(told)) from None


def openapi(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document of the API, in OpenAPI 3.1."""
    operations = list(operations)
    models = {m for o in operations for m in (o.answer, o.body) if isinstance(m, type)} | {Problem}
    _, schema = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=lambda m: m.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "emotion-agent", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schema.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _described(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": operation.handler.__name__.strip("_"),
        "parameters": _parameters(operation),
        "responses": {"200": _response("Done.", operation.answer)}
        | {str(code): _response(why, Problem) for code, why in _PROBLEMS.items()},
        "security": [] if operation.open else [{}, {"token": []}],
    }
    if operation.body is not None:
        content = {JSON: {"schema": _reference(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    if operation.query is not None:
        schema = operation.query.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, form in schema["properties"].items():
            about = form.pop("description", "")
            parameters.append(
                {"name": name, "in": "query", "description": about, "schema": _single(form)}
            )
    if operation.method == "POST":
        header = {"name": COMMAND_HEADER, "in": "header", "required": True}
        parameters.append(header | {"schema": {"type": "string", "pattern": "^[a-z]+$"}})
    return parameters


def _single(form: dict[str, Any]) -> dict[str, Any]:
    """A schema without null: what is not wanted is left out of an address."""
    choices = [one for one in form.get("anyOf", []) if one != {"type": "null"}]
    return choices[0] if len(choices) == 1 else form


def _response(why: str, content: type[BaseModel] | str) -> dict[str, Any]:
    if isinstance(content, str):
        return {"description": why, "content": {content: {}}}
    return {"description": why, "content": {JSON: {"schema": _reference(content)}}}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
