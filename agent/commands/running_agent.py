"""The running agent, reached over its page's API."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any, Final

from agent.errors import AgentError
from agent.settings import WebSettings

_PATIENCE: Final = 30.0
"""Seconds that the agent may take for an answer."""
_TOLD: Final = frozenset({"state", "refusal", "trouble", "time", "about"})
"""What an agent says of its calibration, at least."""
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class RunningAgent:
    """The running agent's API."""

    def __init__(self, settings: WebSettings) -> None:
        """Raises `AgentError` where these settings give it no address."""
        if not settings.enabled:
            raise AgentError(
                "web.enabled is off, and the running agent is reached over its page; "
                "turn it on, or calibrate over MQTT"
            )
        if settings.port == 0:
            raise AgentError(
                "web.port is 0: name the port that the agent's log tells, --set web.port=PORT"
            )
        self._settings = settings

    def calibration(self) -> dict[str, Any]:
        """What the agent says of it now."""
        told = self.ask("GET", "state").get("calibration")
        if not isinstance(told, dict) or not told.keys() >= _TOLD:
            raise self._foreign()
        return told

    def command(self, undo: bool) -> str:
        """Have it begin, or forget what was measured; returns what it says to that."""
        done = self.ask("POST", "commands/calibrate", {"undo": undo}).get("done")
        if not isinstance(done, str):
            raise self._foreign()
        return done

    def _foreign(self) -> AgentError:
        return AgentError(f"{self._place} is no agent that can be calibrated")

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """A request to the API. Raises `AgentError` for anything but a good answer."""
        headers = {"X-Emotion-Agent": "calibrate", "Content-Type": "application/json"}
        if self._settings.token is not None:
            headers["Authorization"] = f"Bearer {self._settings.token.get_secret_value()}"
        connection = self._connection()
        try:
            connection.request(method, f"/api/v1/{path}", json.dumps(body), headers)
            reply = connection.getresponse()
            told = json.loads(reply.read())
        except (OSError, http.client.HTTPException) as error:
            problem = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise AgentError(f"no agent answers at {self._place}: {problem}; is it on?") from None
        except ValueError:
            raise AgentError(f"{self._place} is no agent: it does not answer in JSON") from None
        finally:
            connection.close()
        if reply.status == http.client.UNAUTHORIZED:
            raise AgentError("the agent asks for a token: give the settings that have web.token")
        if reply.status != http.client.OK or not isinstance(told, dict):
            why = told.get("error") if isinstance(told, dict) else None
            raise AgentError(f"{self._place}: {why or f'answered {reply.status}'}")
        return told

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._settings.port}"

    @property
    def _host(self) -> str:
        return _EVERYWHERE.get(self._settings.host, self._settings.host)

    def _connection(self) -> http.client.HTTPConnection:
        if self._settings.tls_cert is None:
            return http.client.HTTPConnection(self._host, self._settings.port, timeout=_PATIENCE)
        try:
            trusting = ssl.create_default_context(cafile=self._settings.tls_cert)
        except OSError as error:
            problem = error.strerror or error
            raise AgentError(f"web.tls_cert: {self._settings.tls_cert}: {problem}") from None
        trusting.check_hostname = False  # it is this machine's own certificate, whatever its name
        return http.client.HTTPSConnection(
            self._host, self._settings.port, timeout=_PATIENCE, context=trusting
        )
