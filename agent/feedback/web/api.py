"""The API's handlers."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any, Final

from aiohttp import web

from agent.calibration import SECONDS, require_camera
from agent.control import Control
from agent.errors import AgentError
from agent.feedback.history import history_file
from agent.feedback.open_history import NoHistoryError
from agent.feedback.recorded import Selection, read_events
from agent.feedback.shares import Bucket, read_shares
from agent.feedback.sink import Sink
from agent.feedback.timeline import Timeline, read_timeline
from agent.feedback.web.answers import (
    BarAnswer,
    BucketAnswer,
    CalibrateBody,
    CueBody,
    Done,
    Events,
    EventsQuery,
    HistoryAnswer,
    HistoryQuery,
    NoBody,
    PreviewQuery,
    SettingsAnswer,
    State,
    Switch,
    TimelineAnswer,
    TimelineQuery,
)
from agent.feedback.web.feed import Feed, as_message
from agent.feedback.web.operations import Operation, answer, body_of, problem, query_of
from agent.feedback.web.preview import MOST_VIEWERS, Preview
from agent.feedback.web.report import Reporter
from agent.settings import Settings
from agent.status import StatusBoard
from agent.times import parse_time

_SILENCE: Final = 10.0
"""Seconds without a message after which a listener gets a sign of life."""
_PATIENCE: Final = 10.0
"""Seconds that a client may take for one message or picture; then it is cut off."""
_HANGS: Final = 30.0
"""Seconds without a sign of life from the vision loop after which it counts as hung."""
_BOUNDARY: Final = b"frame"


class Api:
    """What can be asked and done over HTTP."""

    def __init__(
        self, settings: Settings, control: Control, board: StatusBoard, sinks: list[Sink]
    ) -> None:
        self._settings = settings
        self._control = control
        self._board = board
        self.reporter = Reporter(settings, control, board, sinks)
        self.feed = Feed()
        self.preview = Preview(board, settings.web.preview_fps)
        self._closing = False

    def operations(self) -> list[Operation]:
        """All of the API but its own document and the logins."""
        get, post, v1 = "GET", "POST", "/api/v1"
        commands = f"{v1}/commands"
        stream, mjpeg = "text/event-stream", "multipart/x-mixed-replace"
        return [
            Operation(get, f"{v1}/state", "The agent now", self._state, State),
            Operation(get, f"{v1}/events", "Past events", self._events, Events, EventsQuery),
            Operation(get, f"{v1}/events/stream", "State and events", self._stream, stream),
            Operation(
                get, f"{v1}/timeline", "Who showed what and when", self._timeline,
                TimelineAnswer, TimelineQuery,
            ),
            Operation(
                get, f"{v1}/history", "Shares of the emotions", self._history,
                HistoryAnswer, HistoryQuery,
            ),
            Operation(
                get, f"{v1}/settings", "Settings in effect", self._effective, SettingsAnswer
            ),
            Operation(
                get, f"{v1}/preview.jpg", "The picture now", self._picture, "image/jpeg",
                PreviewQuery,
            ),
            Operation(
                get, f"{v1}/preview.mjpg", "The live picture", self._pictures, mjpeg, PreviewQuery
            ),
            Operation(post, f"{commands}/mute", "Sound off", self._mute, Done, body=Switch),
            Operation(post, f"{commands}/pause", "Camera off", self._pause, Done, body=Switch),
            Operation(post, f"{commands}/cue", "Hear a cue", self._cue, Done, body=CueBody),
            Operation(
                post, f"{commands}/calibrate", "Look neutral for five seconds, or undo that",
                self._calibrate, Done, body=CalibrateBody,
            ),
            Operation(
                post, f"{commands}/reload", "Read the settings anew", self._reload, Done,
                body=NoBody,
            ),
            Operation(get, "/healthz", "Does it work?", self._healthz, Done, open=True),
            Operation(get, "/readyz", "Does it see?", self._readyz, Done, open=True),
        ]  # fmt: skip

    def end_streams(self) -> None:
        """Let every stream end, as the server closes."""
        self._closing = True
        self.feed.send("bye", {})

    async def _state(self, _: web.Request) -> web.Response:
        return answer(self.reporter.state())

    async def _effective(self, _: web.Request) -> web.Response:
        return answer(SettingsAnswer(settings=self.reporter.effective_settings()))

    async def _events(self, request: web.Request) -> web.Response:
        asked = query_of(request, EventsQuery)
        now = datetime.now(timezone.utc)
        selection = Selection(
            since=parse_time(asked.since, now) if asked.since is not None else None,
            until=parse_time(asked.until, now) if asked.until is not None else None,
            emotion=asked.emotion,
            type=asked.type,
            track=asked.track,
            limit=asked.limit,
        )
        found = await asyncio.to_thread(self._recorded, selection)
        return answer(Events(events=found))

    def _recorded(self, selection: Selection) -> list[dict[str, Any]]:
        try:
            found = read_events(self._history_file(), selection)
            return [event.as_dict() for event in found]
        except NoHistoryError:
            return []

    def _history_file(self) -> Path:
        return history_file(self._settings.device)

    async def _timeline(self, request: web.Request) -> web.Response:
        asked = query_of(request, TimelineQuery)
        now = datetime.now(timezone.utc)
        since = parse_time(asked.since, now)
        until = parse_time(asked.until, now) if asked.until is not None else now
        timeline = Timeline([], complete=True)
        with suppress(NoHistoryError):
            timeline = await asyncio.to_thread(read_timeline, self._history_file(), since, until)
        bars = [BarAnswer.model_validate(vars(bar)) for bar in timeline.bars]
        return answer(
            TimelineAnswer(since=since, until=until, bars=bars, complete=timeline.complete)
        )

    async def _history(self, request: web.Request) -> web.Response:
        asked = query_of(request, HistoryQuery)
        now = datetime.now(timezone.utc)
        usual = now - timedelta(days=1 if asked.by == "hour" else 30)
        since = parse_time(asked.since, now) if asked.since is not None else usual
        until = parse_time(asked.until, now) if asked.until is not None else now
        buckets: list[Bucket] = []
        with suppress(NoHistoryError):
            asking = (self._history_file(), asked.by, since, until)
            buckets = await asyncio.to_thread(read_shares, *asking)
        return answer(HistoryAnswer(by=asked.by, buckets=[_bucket(one) for one in buckets]))

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """The state twice a second and events as they happen, as server-sent events."""
        listener = self.feed.join()
        if listener is None:
            return problem(503, "too many listen already")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        state = self.reporter.state().model_dump(mode="json")
        listener.offer(as_message("state", state), state=True)
        try:
            await response.prepare(request)
            while not self._closing:
                message = await listener.take(_SILENCE)
                await _write(request, response, message or b": still here\n\n")
        except ConnectionError:
            pass  # the client has gone
        finally:
            self.feed.listeners.discard(listener)
        return response

    async def _picture(self, request: web.Request) -> web.Response:
        asked = query_of(request, PreviewQuery)
        refusal = self._no_picture()
        if refusal is not None:
            return refusal
        picture = await self.preview.one(asked.blur or self._settings.web.blur_faces)
        if picture is None:
            return problem(409, "there is no picture; the camera is off or has not begun")
        return web.Response(body=picture, content_type="image/jpeg")

    async def _pictures(self, request: web.Request) -> web.StreamResponse:
        asked = query_of(request, PreviewQuery)
        refusal = self._no_picture()
        if refusal is not None:
            return refusal
        kind = f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}"
        response = web.StreamResponse(headers={"Content-Type": kind})
        self.preview.viewers += 1
        try:
            await response.prepare(request)
            blur = asked.blur or self._settings.web.blur_faces
            async for picture in self.preview.pictures(blur):
                if self._closing:
                    break
                await _write(request, response, _part(picture))
        except ConnectionError:
            pass  # the client has gone
        finally:
            self.preview.viewers -= 1
        return response

    def _no_picture(self) -> web.Response | None:
        if not self._settings.web.preview:
            return problem(403, "no picture is shown: web.preview is off")
        if self.preview.viewers >= MOST_VIEWERS:
            return problem(503, "too many look already")
        return None

    async def _mute(self, request: web.Request) -> web.Response:
        switch = await body_of(request, Switch)
        await asyncio.to_thread(self._control.mute, switch.on)
        return answer(Done(done="the sound is off" if switch.on else "the sound is on"))

    async def _pause(self, request: web.Request) -> web.Response:
        switch = await body_of(request, Switch)
        await asyncio.to_thread(self._control.pause, switch.on)
        return answer(Done(done=f"the camera is turned {'off' if switch.on else 'on'}"))

    async def _cue(self, request: web.Request) -> web.Response:
        asked = await body_of(request, CueBody)
        if not self._control.cue(asked.emotion):
            return problem(409, "this agent has no sound: audio.enabled is off")
        silent = self._control.muted or self._settings.audio.mute
        return answer(Done(done="the sound is off" if silent else "a cue is asked for"))

    async def _calibrate(self, request: web.Request) -> web.Response:
        asked = await body_of(request, CalibrateBody)
        calibration = self._control.calibration
        if asked.undo:
            await asyncio.to_thread(calibration.undo)
            return answer(Done(done="the calibration is undone"))
        try:
            require_camera(self._control.paused, self._board.status.state)
        except AgentError as error:
            return problem(409, str(error))
        calibration.begin()
        return answer(Done(done=f"look neutral for {SECONDS:.0f} seconds"))

    async def _reload(self, request: web.Request) -> web.Response:
        await body_of(request, NoBody)
        await asyncio.to_thread(self._control.reload)
        return answer(Done(done="the settings are read again"))

    async def _healthz(self, _: web.Request) -> web.Response:
        shown = self._board.shown_at
        if shown is not None and monotonic() - shown > _HANGS:
            return problem(503, f"the vision loop has been silent for {monotonic() - shown:.0f} s")
        return answer(Done(done="works"))

    async def _readyz(self, _: web.Request) -> web.Response:
        state = self._board.status.state
        if state not in ("live", "paused"):
            return problem(503, f"the source is {state}")
        return answer(Done(done=state))


async def _write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Write, or cut the client off if it does not take it in time."""
    try:
        await asyncio.wait_for(response.write(data), _PATIENCE)
    except (asyncio.TimeoutError, TimeoutError):
        with suppress(AttributeError):
            request.transport.abort()  # type: ignore[union-attr]  # gone already
        raise ConnectionResetError from None


def _part(jpeg: bytes) -> bytes:
    head = b"--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return head % (_BOUNDARY, len(jpeg)) + jpeg + b"\r\n"


def _bucket(bucket: Bucket) -> BucketAnswer:
    total = sum(bucket.seconds.values())
    shown = {name: round(seconds, 3) for name, seconds in bucket.seconds.items() if seconds}
    return BucketAnswer(
        begin=bucket.begin,
        seconds=shown,
        share={name: round(seconds / total, 4) for name, seconds in shown.items()},
        events={name: count for name, count in bucket.events.items() if count},
    )
