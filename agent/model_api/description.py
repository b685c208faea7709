"""The OpenAPI document of the API: MXNet Model Server's own, and the two of its management calls
that are answered here.
"""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

_BINARY: Final[Schema] = {"type": "string", "format": "binary"}
_NAME: Final = {"type": "string", "description": "Name of model"}
_NO_WORKER: Final = "No worker is available to serve request"


def _object(required: list[str], properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


_ERROR: Final = _object(
    ["code", "type", "message"],
    {
        "code": {"type": "integer", "description": "Error code."},
        "type": {"type": "string", "description": "Error type."},
        "message": {"type": "string", "description": "Error message."},
    },
)
_DOCUMENT: Final = _object(
    ["openapi", "info", "paths"],
    {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
)
_STATUS: Final = _object(
    ["status"], {"status": {"type": "string", "description": "Overall status of the Model Server."}}
)
_INVOKED: Final[Schema] = {
    "properties": {
        "model_name": _NAME,
        "data": {**_BINARY, "description": "Inference input data"},
    },
    "required": ["data"],
}


def _content(schema: Schema, kind: str = "application/json") -> Schema:
    return {kind: {"schema": schema}}


def _responses(description: str, content: Schema, **errors: str) -> Schema:
    """The good answer and the errors, by `status_404` and the like."""
    told = {name.removeprefix("status_"): words for name, words in errors.items()}
    told["500"] = "Internal Server Error"
    failed = {
        status: {"description": words, "content": _content(_ERROR)}
        for status, words in sorted(told.items())
    }
    return {"200": {"description": description, "content": content}, **failed}


def _parameter(place: str, name: str, description: str) -> Schema:
    required = place == "path"
    schema = {"type": "string"}
    return {
        "in": place,
        "name": name,
        "description": description,
        "required": required,
        "schema": schema,
    }


_MODEL: Final = _parameter("path", "model_name", "Name of model.")

_API: Final[Schema] = {
    "operationId": "apiDescription",
    "parameters": [],
    "responses": _responses("A openapi 3.0.1 descriptor", _content(_DOCUMENT)),
}
_PING: Final[Schema] = {
    "operationId": "ping",
    "parameters": [],
    "responses": _responses("Model server status", _content(_STATUS)),
}
_PREDICT: Final[Schema] = {
    "description": "A legacy predict entry point for each model.",
    "operationId": "predict",
    "parameters": [_MODEL],
    "requestBody": {
        "description": "Input data format is defined by each model.",
        "content": _content(_BINARY, "*/*"),
        "required": True,
    },
    "responses": _responses(
        "Model specific output data format",
        _content(_BINARY, "*/*"),
        status_404="Model not found",
        status_503=_NO_WORKER,
    ),
    "deprecated": True,
}
_PREDICTIONS: Final[Schema] = {
    "description": "Predictions entry point for each model. Use OPTIONS method to get detailed "
    "model API input and output description.",
    "operationId": "predictions",
    "parameters": [_MODEL],
    "requestBody": {
        "description": "Input data format is defined by each model. Use OPTIONS method to get "
        "details for model input format.",
        "content": _content(_BINARY, "*/*"),
        "required": True,
    },
    "responses": _responses(
        "Output data format is defined by each model. Use OPTIONS method to get details for model "
        "output and output format.",
        _content(_BINARY, "*/*"),
        status_404="Model not found",
        status_503=_NO_WORKER,
    ),
}
_PREDICTIONS_API: Final[Schema] = {
    "description": "Display details of per model input and output.",
    "operationId": "predictionsApi",
    "parameters": [_MODEL],
    "responses": {"200": {"description": "OK", "content": _content({"type": "object"})}},
}
_INVOCATIONS: Final[Schema] = {
    "description": "A generic invocation entry point for all models.",
    "operationId": "invocations",
    "parameters": [_parameter("query", "model_name", "Name of model")],
    "requestBody": {"content": _content(_INVOKED, "multipart/form-data"), "required": True},
    "responses": _responses(
        "Model specific output data format",
        _content(_INVOKED, "*/*"),
        status_400="Missing model_name parameter",
        status_404="Model not found",
        status_503=_NO_WORKER,
    ),
}
_MODELS: Final[Schema] = {
    "description": "List registered models in Model Server.",
    "operationId": "listModels",
    "parameters": [],
    "responses": _responses("OK", _content({"type": "object"})),
}
_MODEL_DETAILS: Final[Schema] = {
    "description": "Provides detailed information about the specified model.",
    "operationId": "describeModel",
    "parameters": [_MODEL],
    "responses": _responses("OK", _content({"type": "object"}), status_404="Model not found"),
}


def api_description() -> dict[str, Any]:
    """What `GET /api-description` and `OPTIONS /` answer."""
    return {
        "openapi": "3.0.1",
        "info": {
            "title": "Model Server APIs",
            "description": "Model Server is a flexible and easy to use tool for serving deep "
            "learning models",
            "version": "1.0.0",
        },
        "paths": {
            "/": {"options": _API},
            "/{model_name}/predict": {"post": _PREDICT},
            "/ping": {"get": _PING},
            "/predictions/{model_name}": {"post": _PREDICTIONS, "options": _PREDICTIONS_API},
            "/api-description": {"get": {**_API, "deprecated": True}},
            "/invocations": {"post": _INVOCATIONS},
            "/models/{model_name}/invoke": {"post": _INVOCATIONS},
            "/models": {"get": _MODELS},
            "/models/{model_name}": {"get": _MODEL_DETAILS},
        },
    }


def model_description(name: str) -> dict[str, Any]:
    """What `OPTIONS /predictions/{name}` answers; the path is in the singular there, as it is in
    MXNet Model Server.
    """
    return {
        "openapi": "3.0.1",
        "info": {"title": f"RESTful API for: {name}", "version": "1.0.0"},
        "paths": {
            f"/prediction/{name}": {
                "post": {
                    "description": f"A predict entry point for model: {name}.",
                    "operationId": name,
                    "parameters": [],
                    "responses": {
                        "200": {"description": "OK"},
                        "500": {
                            "description": "Internal Server Error",
                            "content": _content(_ERROR),
                        },
                    },
                }
            }
        },
    }
