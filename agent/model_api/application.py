"""The routes of MXNet Model Server's inference API, and what each answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from agent.inference.request import Part, Request, RequestError
from agent.model_api import answers
from agent.model_api.bodies import TooLargeError, parts_of
from agent.model_api.description import api_description, model_description
from agent.model_api.worker import Worker
from agent.settings import ApiSettings

_UPLOAD: Final = 30.0
"""Seconds that a client may take to send its request."""

_MODEL_NAME: Final = "model_name"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ModelApi:
    """Answers for one model under one name; its handlers run on one event loop."""

    def __init__(self, worker: Worker, name: str, settings: ApiSettings) -> None:
        self._worker = worker
        self._name = name
        self._settings = settings
        self._under_way = 0

    def application(self) -> web.Application:
        """The routes; what MXNet Model Server answers by any method is answered so here."""
        application = web.Application(middlewares=[_as_model_server])
        application.router.add_routes(
            [
                web.options("/", self._describe_api),
                web.get("/api-description", self._describe_api),
                web.route("*", "/ping", self._ping),
                web.options(f"/predictions/{{{_MODEL_NAME}}}", self._describe_predictions),
                web.route("*", f"/predictions/{{{_MODEL_NAME}}}", self._predict),
                web.route("*", f"/predictions/{{{_MODEL_NAME}}}/{{version}}", self._predict),
                web.route("*", f"/{{{_MODEL_NAME}}}/predict", self._predict),
                web.route("*", "/invocations", self._predict),
                web.route("*", f"/models/{{{_MODEL_NAME}}}/invoke", self._predict),
                web.get("/models", self._list_models),
                web.get(f"/models/{{{_MODEL_NAME}}}", self._describe_model),
            ]
        )
        return application

    async def _ping(self, _: web.Request) -> web.Response:
        return answers.message({"status": "Healthy"})

    async def _describe_api(self, _: web.Request) -> web.Response:
        return answers.message(api_description())

    async def _describe_predictions(self, request: web.Request) -> web.Response:
        return self._unless_unknown(request, lambda: model_description(self._name))

    async def _list_models(self, _: web.Request) -> web.Response:
        return answers.message({"models": [self._listed()]})

    async def _describe_model(self, request: web.Request) -> web.Response:
        return self._unless_unknown(request, self._described)

    def _unless_unknown(self, request: web.Request, body: Callable[[], Any]) -> web.Response:
        name = request.match_info[_MODEL_NAME]
        return answers.message(body()) if name == self._name else answers.no_such_model(name)

    async def _predict(self, request: web.Request) -> web.Response:
        name = request.match_info.get(_MODEL_NAME) or request.query.get(_MODEL_NAME)
        if name not in (None, "", self._name):
            return answers.no_such_model(name)
        if self._under_way > self._settings.queue:
            return answers.no_worker(self._name)
        self._under_way += 1
        try:
            return await self._answered(request)
        finally:
            self._under_way -= 1

    async def _answered(self, request: web.Request) -> web.Response:
        try:
            parts = await asyncio.wait_for(
                parts_of(request, self._settings.max_request_size), _UPLOAD
            )
        except TooLargeError:
            return answers.too_large()
        except RequestError as error:
            return answers.refusal(400, "BadRequestException", str(error))
        except asyncio.TimeoutError:
            words = f"The request was not complete within {_UPLOAD:.0f} seconds."
            return answers.refusal(408, "RequestTimeoutException", words)
        named, parts = _without_name(parts)
        if named not in (None, self._name):
            return answers.no_such_model(named)
        asked = Request(parts, dict(request.query), dict(request.headers))
        answer = await self._worker.answer(asked)
        return answers.prediction(answer.status, answer.body)

    def _listed(self) -> dict[str, Any]:
        return {"modelName": self._name, "modelUrl": self._worker.model.partition("@")[0]}

    def _described(self) -> dict[str, Any]:
        name, _, version = self._worker.model.partition("@")
        return {
            "modelName": self._name,
            "modelVersion": version,
            "modelUrl": name,
            "engine": self._worker.engine,
            "runtime": "python",
            "minWorkers": 1,
            "maxWorkers": 1,
            "batchSize": 1,
            "maxBatchDelay": 0,
            "loadedAtStartup": True,
            "workers": [self._worker.described()],
        }


def _without_name(parts: list[Part]) -> tuple[str | None, list[Part]]:
    """The field of a form that names the model, if there is one, and all others."""
    named = [part.content.decode(errors="replace") for part in parts if part.name == _MODEL_NAME]
    return (named[0] if named else None), [part for part in parts if part.name != _MODEL_NAME]


@web.middleware
async def _as_model_server(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What no route answers, in the words of MXNet Model Server."""
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed:
        return answers.wrong_method()
    except web.HTTPNotFound:
        return answers.no_such_resource()
