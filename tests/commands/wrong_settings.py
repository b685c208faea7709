"""Settings files with mistakes, each with what must be told of it: the line, and some words."""

from __future__ import annotations

from typing import Final

Told = tuple[tuple[int | None, str], ...]
"""Line (None: the whole file) and words of each problem, in any order."""

WRONG: Final[dict[str, tuple[str, Told]]] = {
    # types
    "text for a number": ('[source]\nwidth = "wide"\n', ((2, "source.width"),)),
    "number for text": ("[source]\nuri = 7\n", ((2, "source.uri"),)),
    "text for a switch": ('[audio]\nenabled = "perhaps"\n', ((2, "audio.enabled"),)),
    "list for text": ('[source]\nuri = ["a", "b"]\n', ((2, "source.uri"),)),
    "fraction for a whole number": ("[runtime]\nthreads = 1.5\n", ((2, "runtime.threads"),)),
    "date for a number": ("[source]\nfps = 2026-05-04\n", ((2, "source.fps"),)),
    "table for a value": ("[source]\nuri = {a = 1}\n", ((2, "source.uri"),)),
    "value for a section": ('\nsource = "demo"\n', ((2, "did you mean 'source.uri'"),)),
    "list of sections": ('[[source]]\nuri = "demo"\n', ((1, "source"),)),
    "number in a list of words": ("[audio]\nemotions = [1]\n", ((2, "audio.emotions"),)),
    # ranges
    "no thread": ("[runtime]\nthreads = 0\n", ((2, "greater than or equal to 1"),)),
    "more than certain": ("[emotion]\nenter = 1.5\n", ((2, "less than or equal to 1"),)),
    "negative time": ("[emotion]\ndwell = -1\n", ((2, "emotion.dwell"),)),
    "tiny picture": ("[source]\nwidth = 3\n", ((2, "source.width"),)),
    "port too high": ("[mqtt]\nport = 70000\n", ((2, "mqtt.port"),)),
    "no number": ("[audio]\nvolume = nan\n", ((2, "audio.volume"),)),
    "endless": ("[faces]\nmax_missed = inf\n", ((2, "faces.max_missed"),)),
    "no frame rate": ("[source]\nfps = 0\n", ((2, "source.fps"),)),
    "empty text": ('[source]\nuri = ""\n', ((2, "source.uri"),)),
    "null character": ('[events]\nfile = "a\\u0000b"\n', ((2, "events.file"),)),
    "unknown detector": ('[faces]\ndetector = "yunt"\n', ((2, "'yunet'"),)),
    "unknown emotion": ('[audio]\nemotions = ["joy"]\n', ((2, "'happiness'"),)),
    "no time of day": ('[audio]\nquiet_hours = "late"\n', ((2, "audio.quiet_hours"),)),
    "wildcard in a topic": ('[mqtt]\ndiscovery_prefix = "a/#"\n', ((2, "discovery_prefix"),)),
    "name too long": (f'device = "{"x" * 129}"\n', ((1, "device"),)),
    # unknown keys
    "key misspelt": ("[faces]\nmin_sice = 3\n", ((2, "did you mean 'faces.min_size'"),)),
    "section misspelt": ("[evnets]\n", ((1, "did you mean 'events'"),)),
    "key in the wrong section": ('[faces]\nuri = "demo"\n', ((2, "did you mean 'source.uri'"),)),
    "key without its section": ('\nquiet_hours = "1"\n', ((2, "'audio.quiet_hours'"),)),
    "key like no other": ("[faces]\nzzz = 1\n", ((2, "unknown setting 'faces.zzz'"),)),
    "key with dots": ('source.url = "demo"\n', ((1, "did you mean 'source.uri'"),)),
    "key of capitals": ('[source]\nURI = "demo"\n', ((2, "did you mean 'source.uri'"),)),
    "key in an inline table": (
        'device = "hall"\nsource = {uri = "demo", url = "x"}\n',
        ((2, "unknown setting 'source.url'"),),
    ),
    # bad TOML
    "bracket left open": ("[faces\n", ((None, "at line 1"),)),
    "text left open": ('device = "hall\n', ((None, "at line 1"),)),
    "no quotes": ("device = hall\n", ((None, "at line 1"),)),
    "key twice": ('device = "a"\ndevice = "b"\n', ((None, "at line 2"),)),
    "section twice": ("[faces]\n[faces]\n", ((None, "at line 2"),)),
    "another language": ("device: hall\n", ((None, "not valid TOML"),)),
    "not text": ("\udcff\udcfe", ((None, "not valid TOML"),)),
    # contradictions
    "left above entered": (
        "[emotion]\nstay = 0.9\nenter = 0.5\n",
        ((2, "must not be above emotion.enter"),),
    ),
    "default contradicted": ("[emotion]\nenter = 0.1\n", ((None, "must not be above"),)),
    "password twice": (
        '[mqtt]\nusername = "a"\npassword = "hush"\npassword_file = "x"\n',
        ((4, "give only one"),),
    ),
    "password without a name": ('[mqtt]\npassword = "hush"\n', ((2, "mqtt.username"),)),
    "certificate without TLS": ('[mqtt]\nca_file = "/etc/hosts"\n', ((2, "mqtt.tls"),)),
    "key without a certificate": (
        '[mqtt]\ntls = true\nkey_file = "/etc/hosts"\n',
        ((3, "mqtt.cert_file is missing"),),
    ),
    # missing files
    "no certificate": (
        '[mqtt]\ntls = true\nca_file = "/nowhere/ca.pem"\n',
        ((3, "cannot read /nowhere/ca.pem"),),
    ),
    "no sound": (
        '[audio]\nenabled = true\n[audio.files]\nfear = "/nowhere/fear.wav"\n',
        ((4, "cannot read /nowhere/fear.wav"),),
    ),
    "no weights": ('[faces]\nyunet_model = "/nowhere/y.onnx"\n', ((2, "/nowhere/y.onnx"),)),
    "no model": ('[runtime]\nmodel = "/nowhere"\n', ((2, "/nowhere/manifest.json"),)),
    # several at once
    "one of each": (
        'devise = "hall"\n\n[source]\nwidth = "wide"\n# a remark\n[emotion]\nenter = 2\n',
        (
            (1, "did you mean 'device'"),
            (4, "source.width"),
            (7, "emotion.enter"),
        ),
    ),
    "after a long list": (
        '[audio]\nemotions = [\n  "fear", # [\n  "anger",\n]\nphrase = """\n[x]\n"""\nvolume = 9\n',
        ((9, "audio.volume"),),
    ),
}
"""By a name for the mistake."""
