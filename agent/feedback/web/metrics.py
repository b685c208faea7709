"""Prometheus metrics, read from the agent's own counters when they are asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from agent import __version__
from agent.emotion.labels import EMOTIONS, UNKNOWN
from agent.feedback.queued import QueuedSink
from agent.feedback.web.feed import Feed
from agent.feedback.web.preview import Preview
from agent.feedback.web.report import Reporter, temperatures
from agent.stages import BOUNDS
from agent.status import RemoteReading, Status

_PREFIX = "emotion_agent"


class Metrics(Collector):
    """Everything that is measured, in a registry of its own."""

    def __init__(self, reporter: Reporter, feed: Feed, preview: Preview) -> None:
        self._reporter = reporter
        self._feed = feed
        self._preview = preview
        self.events: Counter[tuple[str, str]] = Counter()
        """Events by type and emotion."""
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        status = self._reporter.board.status
        yield from _frames(status)
        reconnects = CounterMetricFamily(
            f"{_PREFIX}_reconnects", "How often a part connected again", labels=["part"]
        )
        for part, count in ({"source": status.reopened} | self._reporter.board.reconnects).items():
            reconnects.add_metric([part], count)
        yield reconnects
        yield from self._stages()
        yield _gauge("faces", "Faces by what they show", "emotion", _faces(status))
        events = CounterMetricFamily(f"{_PREFIX}_events", "Events", labels=["type", "emotion"])
        for labels, count in sorted(self.events.items()):
            events.add_metric(labels, count)
        yield events
        yield from self._sinks()
        yield from _remote(self._reporter.board.remote())
        zones = temperatures()
        yield _gauge("temperature_celsius", "Temperature of the board", "zone", zones)
        looking = {"stream": len(self._feed.listeners), "preview": self._preview.viewers}
        yield _gauge("web_clients", "Clients of the page", "kind", looking)
        encoded = CounterMetricFamily(f"{_PREFIX}_preview_pictures", "Pictures encoded")
        encoded.add_metric([], self._preview.encoded)
        yield encoded
        info = {"version": __version__, "model": status.model, "source": status.source}
        info["device"] = self._reporter.settings.device
        build = GaugeMetricFamily(f"{_PREFIX}_info", "What runs", labels=list(info))
        build.add_metric(list(info.values()), 1)
        yield build

    def _stages(self) -> Iterator[Metric]:
        stages = HistogramMetricFamily(
            f"{_PREFIX}_stage_seconds", "How long a stage of the work takes", labels=["stage"]
        )
        for name, histogram in self._reporter.board.stages.histograms.items():
            counts = histogram.cumulated()
            if not counts[-1]:
                continue  # a stage that this agent does not have
            bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
            buckets = list(zip(bounds, counts, strict=True))
            stages.add_metric([name], buckets, sum_value=histogram.total)
        yield stages

    def _sinks(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(f"{_PREFIX}_sink_waiting", "Events that wait", labels=["sink"])
        delivered = CounterMetricFamily(
            f"{_PREFIX}_sink_delivered", "Events delivered", labels=["sink"]
        )
        dropped = CounterMetricFamily(f"{_PREFIX}_sink_dropped", "Events lost", labels=["sink"])
        for sink in self._reporter.sinks:
            if isinstance(sink, QueuedSink):
                waiting.add_metric([sink.name], sink.waiting)
                delivered.add_metric([sink.name], sink.delivered)
                dropped.add_metric([sink.name], sink.dropped)
        yield from (waiting, delivered, dropped)


def _frames(status: Status) -> Iterator[Metric]:
    counters = {
        "frames": ("Frames worked on", status.frames),
        "frames_dropped": ("Frames that came too fast", status.dropped),
    }
    for name, (about, value) in counters.items():
        counter = CounterMetricFamily(f"{_PREFIX}_{name}", about)
        counter.add_metric([], value)
        yield counter
    gauges = {
        "frames_per_second": ("Frames worked on a second", status.fps),
        "latency_seconds": ("From capture to decision of the last frame", status.latency_ms / 1000),
        "live": ("1 while the source gives pictures", float(status.state == "live")),
        "muted": ("1 while the sound is off", float(status.muted)),
        "paused": ("1 while the camera is off", float(status.paused)),
    }
    for name, (about, number) in gauges.items():
        yield GaugeMetricFamily(f"{_PREFIX}_{name}", about, value=number)


def _remote(reading: RemoteReading) -> Iterator[Metric]:
    read = CounterMetricFamily(
        f"{_PREFIX}_frames_read", "Frames read where model servers do", labels=["by"]
    )
    up = GaugeMetricFamily(f"{_PREFIX}_model_server_up", "1 while it reads", labels=["server"])
    lost = CounterMetricFamily(
        f"{_PREFIX}_model_server_losses", "How often it was lost", labels=["server"]
    )
    late = CounterMetricFamily(
        f"{_PREFIX}_model_server_late", "Frames not answered in time", labels=["server"]
    )
    if reading.servers:
        read.add_metric(["server"], reading.by_server)
        read.add_metric(["local model"], reading.by_local_model)
    for server in reading.servers:
        up.add_metric([server.name], float(server.ready))
        lost.add_metric([server.name], server.losses)
        late.add_metric([server.name], server.late)
    yield from (read, up, lost, late)


def _faces(status: Status) -> dict[str, float]:
    faces = dict.fromkeys((*EMOTIONS, UNKNOWN), 0.0)
    for track in status.tracks:
        faces[track.emotion] += 1
    return faces


def _gauge(name: str, about: str, label: str, values: dict[str, float] | dict[str, int]) -> Metric:
    gauge = GaugeMetricFamily(f"{_PREFIX}_{name}", about, labels=[label])
    for key, value in values.items():
        gauge.add_metric([key], value)
    return gauge
