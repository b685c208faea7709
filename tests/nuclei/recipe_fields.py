"""A JSON schema of Greengrass recipes: the fields of AWS's component recipe reference.

Our own list of them, format 2020-01-25, for what a generic component on Linux uses. It
is stricter than the schema of the Greengrass Development Kit, which takes unknown names below the
top level, and names in any case.
"""

from __future__ import annotations

from typing import Any, Final

_TEXT: Final = {"type": "string", "minLength": 1}


def _record(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


_SETENV: Final = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}
_STEP: Final = _record(
    ("Script",),
    Script=_TEXT,
    RequiresPrivilege={"type": "boolean"},
    Skipif={"type": "string", "pattern": r"^(onpath|exists)\s+.+"},
    Timeout={"type": "integer", "minimum": 1},
    Setenv=_SETENV,
)
_LIFECYCLE: Final = _record(
    ("Run",),
    Setenv=_SETENV,
    Bootstrap=_STEP,
    Install=_STEP,
    Startup=_STEP,
    Run=_STEP,
    Shutdown=_STEP,
    Recover=_STEP,
)
_ACCESS: Final = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": _record(
            ("operations", "resources"),
            policyDescription=_TEXT,
            operations={"type": "array", "minItems": 1, "items": _TEXT},
            resources={"type": "array", "minItems": 1, "items": _TEXT},
        ),
    },
}
_ARTIFACT: Final = _record(
    ("URI",),
    # Digest and Algorithm are written by the service alone.
    URI={"type": "string", "pattern": r"^(s3|docker|greengrass):.+"},
    Unarchive={"enum": ["NONE", "ZIP"]},
    Permission=_record((), Read={"enum": ["NONE", "OWNER", "ALL"]}, Execute={"type": "string"}),
)
_MANIFEST: Final = _record(
    ("Platform", "Lifecycle"),
    Name=_TEXT,
    Platform=_record(
        ("os",),
        os={"enum": ["linux", "darwin", "windows", "*"]},
        architecture={"enum": ["amd64", "arm", "aarch64", "x86", "*"]},
    ),
    Selections={"type": "array", "items": _TEXT},
    Artifacts={"type": "array", "items": _ARTIFACT},
    Lifecycle=_LIFECYCLE,
)
RECIPE: Final = _record(
    ("RecipeFormatVersion", "ComponentName", "ComponentVersion", "Manifests"),
    RecipeFormatVersion={"const": "2020-01-25"},
    ComponentName={"type": "string", "pattern": r"^[a-zA-Z0-9-_.]+$", "maxLength": 128},
    ComponentVersion={
        "type": "string",
        "maxLength": 64,
        "pattern": r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$",
    },
    ComponentDescription=_TEXT,
    ComponentPublisher=_TEXT,
    ComponentType={"enum": ["aws.greengrass.generic"]},
    ComponentConfiguration=_record(
        ("DefaultConfiguration",),
        DefaultConfiguration={"type": "object", "properties": {"accessControl": _ACCESS}},
    ),
    ComponentDependencies={
        "type": "object",
        "additionalProperties": _record(
            ("VersionRequirement",),
            VersionRequirement=_TEXT,
            DependencyType={"enum": ["SOFT", "HARD"]},
        ),
    },
    Manifests={"type": "array", "minItems": 1, "items": _MANIFEST},
)
