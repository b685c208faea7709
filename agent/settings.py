"""The whole configuration as typed models: every key with a default and a reason to turn it.

`agent.layers` fills them from file, environment and command line.
"""

from __future__ import annotations

import socket
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from agent.setting_values import (
    QUIET_HOURS,
    Emotion,
    Emotions,
    Names,
    Program,
    Seconds,
    Share,
    Text,
    server_address,
    split_words,
)


class _Section(BaseModel):
    # What the docstrings below the fields say, `agent.setting_words` reads where it is asked for:
    # pydantic's `use_attribute_docstrings` would parse this file for every class at every start.
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Section):
    """Where frames come from."""

    uri: Text = "demo"
    """`demo`; a film, an animated GIF or a picture; a folder of pictures or a pattern
    (`pictures/*.jpg`); `/dev/video0` or its number; a named pipe; `rtsp://...` or `http://...`
    (MJPEG); `csi://0`, a camera on the board's ribbon cable; `gst:` and a GStreamer pipeline
    without its sink. The certificates of `https://` cameras are not checked."""
    pace: Literal["real", "none"] = "real"
    """For files: `real` plays at the file's own rate and drops what comes too fast; `none` reads
    every frame as fast as it can."""
    loop: bool = True
    """Begin a file again when it ends; otherwise the agent stops there."""
    width: Annotated[int, Field(ge=64, le=7680)] | None = None
    """Width to ask a camera for, in pixels; unset takes the camera's own."""
    height: Annotated[int, Field(ge=64, le=4320)] | None = None
    fps: Annotated[float, Field(gt=0, le=240)] | None = None
    """Frame rate to ask a camera for, or to play a folder of pictures at."""
    open_timeout: Annotated[float, Field(ge=0.1, le=120)] = 5.0
    """Seconds to wait for a network camera to answer."""
    read_timeout: Annotated[float, Field(ge=0.1, le=120)] = 3.0
    """Seconds without a frame after which a live source counts as stalled and is opened again."""


class FacesSettings(_Section):
    """Detection, tracking, and which faces are good enough to read."""

    detector: Literal["blazeface", "yunet", "haar"] = "blazeface"
    blazeface_model: Literal["back", "short-range", "full-range"] = "back"
    """Which of BlazeFace's networks: `back` finds the most; `full-range` is faster and finds fewer
    small faces; `short-range` is the fastest, for a face that fills a fifth of the picture."""
    yunet_model: Text | None = None
    """Path of YuNet's file: ONNX, or TFLite as `emotion-convert yunet` makes it. Unset takes the
    TFLite file where that command was run, else the ONNX file of `emotion-agent models pull yunet`.
    """
    detect_side: Annotated[int, Field(ge=64, le=4096)] = 640
    """YuNet and Haar shrink larger pictures to this longer side, in pixels. 320 is about three
    times as fast and loses a tenth of the faces of 48 pixels. BlazeFace and
    a TFLite file of YuNet have their own fixed size."""
    min_score: Share | None = None
    """Detections below this confidence are ignored; unset takes the detector's own limit. Lower
    it for far or covered faces, raise it against false ones."""
    detect_every: Literal["auto"] | Annotated[int, Field(ge=1, le=30)] = "auto"
    """`auto` searches the whole picture by time and motion and looks only near known faces in
    between; a number searches every n-th frame and predicts the boxes in between. 1 searches all.
    """
    min_hits: Annotated[int, Field(ge=1, le=30)] = 3
    """Detections in a row before a new face is believed."""
    max_missed: Seconds = 0.8
    """Seconds that a track lives on without a detection. Longer bridges hands and turns; shorter
    ends sooner when somebody leaves."""
    min_size: Annotated[int, Field(ge=8, le=1000)] = 24
    """Faces whose box is narrower than this, in pixels, are `unknown` (small)."""
    min_sharpness: Annotated[float, Field(ge=0)] = 0.01
    """Faces whose crop is less sharp (variance of its Laplacian over the variance of its grey
    values) are `unknown` (blurred). Training pictures have 0.03 to 2; at 0.01 about 10 pixels of
    detail are left across a face."""
    min_light: Annotated[float, Field(ge=0, le=255)] = 18.0
    """Mean grey of the crop under which a face is `unknown` (dark). Two of the 28,561 training
    pictures are darker."""
    max_turn: Annotated[float, Field(ge=0, le=10)] = 0.62
    """How far the nose may sit from the middle between the eyes, as a share of the eye distance,
    before a face is `unknown` (turned). One to three training pictures of 100 are beyond 0.62;
    near profile it is above 1."""


class MmsSettings(_Section):
    """The model servers (MMS, TorchServe) that read the faces where `kind` is `mms`."""

    endpoints: Annotated[
        tuple[Annotated[str, AfterValidator(server_address)], ...],
        BeforeValidator(split_words),
        Field(min_length=1, max_length=16),
    ] = ("http://127.0.0.1:8080",)
    """Addresses of the servers, the preferred one first: a list, or with commas between.
    `http://host:port`, `https://host:port` or `unix:/path`."""
    model: Annotated[str, Field(pattern=r"^[^/\s]+$")] | None = None
    """Name that the servers know the model by; unset takes its own name."""
    deadline_ms: Annotated[float, Field(ge=10, le=10_000)] = 100.0
    """Milliseconds that reading the faces of a frame may take. A server has what remains of it
    after the time that the local model would need."""
    probe_interval: Annotated[float, Field(ge=0.1, le=600)] = 3.0
    """Seconds between two trial predictions at a server that is not being used, and the longest
    pause before a lost one is tried again."""


class RuntimeSettings(_Section):
    """The engine that runs the expression model."""

    kind: Literal["auto", "tensorrt", "tflite", "openvino", "onnx", "mms"] = "auto"
    """`auto` takes the fastest engine that loads on this machine and has a file of the model; `mms`
    asks a model server, and the local TFLite model where none answers in time."""
    model: Text = "fer-compact"
    """Name of a shipped model, or the folder of another (with its `manifest.json`)."""
    precision: Literal["int8", "int8-float-io", "dynamic", "float16", "float32"] = "int8"
    """Which of the model's files; `emotion-agent models list` tells what there is."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of the expression model and the detector. Small networks gain nothing from more."""
    mms: MmsSettings = Field(default_factory=MmsSettings)


class ApiSettings(_Section):
    """MXNet Model Server's inference API, answered on this device for programs with pictures."""

    enabled: bool = False
    host: Text = "127.0.0.1"
    """Address to listen on. There is no login, as there is none in MXNet Model Server: beyond this
    machine's own address, whoever reaches it can use it."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """0 takes any that is free; the log says which."""
    model: Annotated[str, Field(pattern=r"^[^/\s]+$")] | None = None
    """Name that the model is called by; unset takes its own name."""
    max_request_size: Annotated[int, Field(ge=1024, le=100_000_000)] = 6_553_500
    """Bytes of the largest request."""
    queue: Annotated[int, Field(ge=0, le=100)] = 8
    """Requests that may wait while one is being read; more are refused (503)."""


class EmotionSettings(_Section):
    """From probabilities to a decision over time, per track."""

    smoothing: Seconds = 0.25
    """Time constant of the filter over the probabilities. Longer is calmer and later."""
    enter: Share = 0.5
    """Smoothed probability that an emotion needs before it can be held."""
    stay: Share = 0.35
    """A held emotion is kept while its smoothed probability is above this (hysteresis)."""
    dwell: Seconds = 0.3
    """Seconds that a new emotion must lead before it is held."""
    unknown_dwell: Seconds = 1.5
    """Seconds of thin evidence before a face is `unknown`."""
    prior: Literal["training", "uniform"] | dict[Emotion, Annotated[float, Field(gt=0, le=1)]] = (
        "training"
    )
    """How often each emotion is expected: as in the training data (two thirds neutral and
    happiness; the best accuracy there), each as often (rare emotions are read more often, rightly
    and wrongly), or a table of shares (`{anger = 0.2}`; the others split the rest)."""
    prior_strength: Share = 1.0
    """How far to go from the training data's shares to those of `prior`: 0 not at all, 1 fully."""


class EventSettings(_Section):
    """Where events go."""

    file: Text | None = None
    """Append one JSON object a line to this file; `-` is standard output."""


class HistorySettings(_Section):
    """The local history of events, which `emotion-agent events` reads; it holds no pictures."""

    enabled: bool = True
    """Keep every event in the device's state folder."""
    days: Annotated[float, Field(gt=0, le=3650)] = 30.0
    """Events older than this are deleted as new ones come."""
    max_mb: Annotated[float, Field(ge=0.1, le=100_000)] = 64.0
    """Size of the file in millions of bytes (an event takes about 1 kB); the oldest go first."""


class MqttSettings(_Section):
    """The broker that events go to and commands come from; off unless `host` is set."""

    host: Text | None = None
    """Name or address of the broker."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Unset takes the usual one: 1883, or 8883 with TLS; 80 or 443 with `websockets`."""
    username: str | None = None
    password: SecretStr | None = None
    password_file: str | None = None
    """File whose first line is the password, instead of `password`. A name without `/` is looked
    for among systemd's credentials (`LoadCredential=`)."""
    tls: bool = False
    """Encrypt, and check the broker's certificate."""
    ca_file: str | None = None
    """Certificate (PEM) that the broker's must be signed by; unset takes the system's."""
    cert_file: str | None = None
    """Client certificate (PEM), where the broker asks for one."""
    key_file: str | None = None
    """The key of the client certificate (PEM, without a password)."""
    transport: Literal["tcp", "websockets"] = "tcp"
    path: str = "/mqtt"
    """Path of the WebSocket."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """`auto` takes MQTT 5 and falls back to 3.1.1 where the broker does not know it."""
    keepalive: Annotated[int, Field(ge=5, le=3600)] = 30
    """Seconds; a broker that is silent for twice as long counts as lost."""
    state_interval: Annotated[float, Field(ge=0.5, le=3600)] = 10.0
    """Seconds between two `state` messages where nothing but numbers changed."""
    outbox_events: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Events kept on disk while the broker is away (about 1 kB each); the oldest go first."""
    outbox_hours: Annotated[float, Field(gt=0, le=8760)] = 72.0
    """Events older than this are no longer sent."""
    home_assistant: bool = True
    """Announce this device to Home Assistant."""
    discovery_prefix: Annotated[str, Field(pattern=r"^[^#+\x00]+$")] = "homeassistant"
    """Home Assistant's discovery prefix, under which it also announces its own birth."""
    dialect: Literal["native", "dlstreamer"] = "native"
    """JSON of the `events` topic: our own, or that of Intel DL Streamer's `gvametaconvert`."""
    snapshots: bool = False
    """Allow the command `snapshot`, which sends the newest picture. Off: no picture leaves."""


class PerEmotion(_Section):
    """A text for each emotion that has one."""

    neutral: str | None = None
    happiness: str | None = None
    surprise: str | None = None
    sadness: str | None = None
    anger: str | None = None
    disgust: str | None = None
    fear: str | None = None
    contempt: str | None = None


class AudioSettings(_Section):
    """Cues that are heard."""

    enabled: bool = False
    """Play cues. Needs the extra `audio` and a sound device."""
    device: str | None = None
    """Name of the sound device, or a part of it (`emotion-agent sounds devices` lists them); unset
    takes the system's default."""
    emotions: Emotions = (
        "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"
    )  # fmt: skip
    """Which emotions have a cue: a list, or words with commas between."""
    min_confidence: Share = 0.5
    """Events below this confidence stay silent."""
    cooldown: Seconds = 5.0
    """Seconds after a cue in which the same emotion, of whomever, stays silent."""
    cooldown_any: Seconds = 1.0
    """Seconds after a cue in which every emotion stays silent."""
    quiet_hours: Annotated[str, Field(pattern=QUIET_HOURS)] | None = None
    """Times of day without cues, as in `22:00-07:00` or `12:30-14:00, 22:00-07:00`; local time."""
    volume: Share = 0.5
    """1 is as loud as the device can; the mixer of the device comes on top."""
    mute: bool = False
    """No cue at all, until this is changed."""
    cues: Literal["tones", "speech"] = "tones"
    """`tones` are earcons; `speech` is words, where espeak-ng is installed."""
    voice: Annotated[str, Field(min_length=1)] = "en"
    """Voice of espeak-ng, as in `de` or `en-us+f3`."""
    phrase: Annotated[str, Field(min_length=1)] = "{emotion}"
    """What is said; `{emotion}` stands for the emotion's English name."""
    phrases: PerEmotion = Field(default_factory=PerEmotion)
    """What is said for one emotion, instead of `phrase`."""
    files: PerEmotion = Field(default_factory=PerEmotion)
    """Own WAV file of an emotion, instead of its tones or words."""


class _HookSettings(_Section):
    """Which events a hook is for."""

    events: Annotated[
        tuple[Literal["started", "changed", "ended"], ...], BeforeValidator(split_words)
    ] = ("started", "changed", "ended")
    """Which types of events: a list, or words with commas between."""
    emotions: Annotated[tuple[Emotion | Literal["unknown"], ...], BeforeValidator(split_words)] = (
        "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"
    )  # fmt: skip
    """Which emotions, and whether `unknown`: a list, or words with commas between."""
    min_confidence: Share = 0.0
    """Events below this confidence are left out. That of `unknown` is not looked at."""


class CommandSettings(_HookSettings):
    """A program that is run for events; off unless `run` is set."""

    run: Program | None = None
    """The program and its arguments; it gets the event as JSON on standard input."""
    timeout: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds after which it is killed, with all that it has started."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """How many may run side by side. One keeps the order of the events."""


class WebhookSettings(_HookSettings):
    """An address that events are posted to; off unless `url` is set."""

    url: SecretStr | None = None
    """`https://...` or `http://...`. Only its host is ever shown: such addresses are often secret
    themselves."""
    token: SecretStr | None = None
    """Sent as `Authorization: Bearer ...`."""
    token_file: str | None = None
    """File whose first line is the token, instead of `token`. A name without `/` is looked for
    among systemd's credentials (`LoadCredential=`)."""
    ca_file: str | None = None
    """Certificate (PEM) that the server's must be signed by; unset takes the system's."""
    timeout: Annotated[float, Field(ge=0.1, le=120)] = 10.0
    """Seconds for one attempt."""
    outbox_events: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Events kept on disk while the server is away (about 1 kB each); the oldest go first."""
    outbox_hours: Annotated[float, Field(gt=0, le=8760)] = 72.0
    """Events older than this are no longer sent."""


class GreengrassSettings(_HookSettings):
    """The AWS IoT Greengrass nucleus that publishes events to IoT Core; off unless `topic` is set.

    Needs the extra `greengrass`, and an agent that the nucleus has started (`make greengrass`).
    """

    topic: Annotated[str, Field(pattern=r"^[^#+\x00]+$", max_length=256)] | None = None
    """MQTT topic, which the component's access control must allow; `{device}` stands for `device`
    in letters, digits, `-` and `_`. The component's own is `emotion-agent/{device}/events`."""
    timeout: Annotated[float, Field(ge=0.1, le=120)] = 10.0
    """Seconds for one attempt."""
    outbox_events: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Events kept on disk while the nucleus takes none (about 1 kB each); the oldest go first."""
    outbox_hours: Annotated[float, Field(gt=0, le=8760)] = 72.0
    """Events older than this are no longer sent."""


class FeedbackSettings(_Section):
    """What of the user's own is told of events."""

    command: CommandSettings = Field(default_factory=CommandSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    greengrass: GreengrassSettings = Field(default_factory=GreengrassSettings)


class WebSettings(_Section):
    """The page in the browser, the API and the metrics."""

    enabled: bool = True
    host: Text = "127.0.0.1"
    """Address to listen on. Any that others can reach (`0.0.0.0` is all of this machine's) needs a
    `token` or a `password_hash`."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    """0 takes any that is free; the log says which. If this is not set and 8765 is taken, the agent
    runs without the page."""
    names: Names = ()
    """Names by which browsers may call this machine, besides its own and any address: a list, or
    words with commas between. Others are refused, as a foreign site could point its name here."""
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What programs send as `Authorization: Bearer ...` (`emotion-agent web token` makes one)."""
    password_hash: SecretStr | None = None
    """Hash of the password that people log in with (`emotion-agent web password` makes it)."""
    tls_cert: Text | None = None
    """Certificate (PEM, with its chain) to serve by HTTPS."""
    tls_key: Text | None = None
    """The key of the certificate (PEM, without a password)."""
    preview: bool = True
    """Let the page show the picture. Off: no picture is ever drawn or encoded."""
    blur_faces: bool = False
    """Blur every face in the page's picture, whatever the switch on the page says."""
    preview_fps: Annotated[float, Field(gt=0, le=60)] = 10.0
    """Most pictures a second that the page is sent."""


class Settings(_Section):
    """All settings of the agent."""

    device: str = Field(default_factory=socket.gethostname, min_length=1, max_length=128)
    """Name of this board in events; as long as the name of an AWS IoT thing may be."""
    source: SourceSettings = Field(default_factory=SourceSettings)
    faces: FacesSettings = Field(default_factory=FacesSettings)
    runtime: RuntimeSettings = Field(default_factory=RuntimeSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    emotion: EmotionSettings = Field(default_factory=EmotionSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    mqtt: MqttSettings = Field(default_factory=MqttSettings)
    feedback: FeedbackSettings = Field(default_factory=FeedbackSettings)
    web: WebSettings = Field(default_factory=WebSettings)
