"""Requests and their answers, without a server: bodies, options, batches, and what is refused."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from agent.classify import classify
from agent.emotion.labels import EMOTIONS
from agent.inference.bodies import CROPS_TYPE, MOST_PICTURES
from agent.inference.opening import open_inference
from agent.inference.request import Answer, Part, Request
from agent.inference.service import Inference
from agent.runtimes.opening import open_runtime
from agent.settings import Settings


def asked(inference: Inference, *parts: Part, **more: dict[str, str]) -> Answer:
    (answer,) = inference.answer([Request(parts, **more)])
    json.dumps(answer.body, allow_nan=False)  # what every host does with it
    return answer


def raw(content: bytes, content_type: str = "image/jpeg") -> Part:
    return Part("body", content, content_type)


def as_json(value: Any) -> Part:
    return raw(json.dumps(value).encode(), "application/json; charset=utf-8")


def in_base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def encoded(image: npt.NDArray[np.uint8], suffix: str) -> bytes:
    done, content = cv2.imencode(suffix, image)
    assert done
    return content.tobytes()


def refusal(answer: Answer) -> str:
    assert answer.status == 400
    assert answer.phrase == "Bad Request"
    assert (answer.body["code"], answer.body["type"]) == (400, "BadRequestException")
    message = answer.body["message"]
    assert "\n" not in message
    return str(message)


def saved(array: npt.NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_a_picture_is_answered_as_classify_prints_it(
    inference: Inference, hopper_file: Path
) -> None:
    (line,) = classify([str(hopper_file)], Settings())
    expected = line.as_dict()
    del expected["path"]
    assert asked(inference, raw(hopper_file.read_bytes())).body == expected
    assert [face["emotion"] for face in expected["faces"]] == ["neutral"]


def test_pictures_are_read_with_the_prior_of_the_settings_and_crops_without(
    hopper_file: Path, inference: Inference
) -> None:
    settings = Settings.model_validate({"emotion": {"prior": "uniform"}})
    other = open_inference(settings)
    (line,) = classify([str(hopper_file)], settings)
    picture = raw(hopper_file.read_bytes())
    assert asked(other, picture).body["faces"] == line.as_dict()["faces"]
    assert asked(other, picture) != asked(inference, picture)
    crops = raw(saved(np.full((1, 48, 48), 90, np.uint8)), CROPS_TYPE)
    assert asked(other, crops) == asked(inference, crops)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_each_kind_of_picture_is_read_whatever_its_type_is_called(
    inference: Inference, astronaut_file: Path, suffix: str
) -> None:
    image = cv2.imread(str(astronaut_file))
    assert image is not None
    answer = asked(inference, raw(encoded(np.asarray(image, np.uint8), suffix), "text/plain"))
    assert (answer.body["width"], answer.body["height"]) == (512, 512)
    assert [face["emotion"] for face in answer.body["faces"]] == ["happiness"]


def test_a_picture_without_a_face_has_none(inference: Inference) -> None:
    grey = np.full((64, 80, 3), 127, np.uint8)
    answer = asked(inference, raw(encoded(grey, ".png")))
    assert answer == Answer({"width": 80, "height": 64, "faces": []})


def test_boxes_are_in_the_upright_picture(inference: Inference, hopper_file: Path) -> None:
    """EXIF orientation 6: the file's rows run from top to bottom of the right side."""
    image = cv2.imread(str(hopper_file))
    assert image is not None
    upright = encoded(np.asarray(image, np.uint8), ".jpg")
    turned = encoded(np.rot90(np.asarray(image, np.uint8)).copy(), ".jpg")
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    exif = b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag
    expected = asked(inference, raw(upright)).body
    found = asked(inference, raw(turned[:2] + exif + turned[2:])).body
    assert (found["width"], found["height"]) == (expected["width"], expected["height"])
    np.testing.assert_allclose(found["faces"][0]["box"], expected["faces"][0]["box"], atol=8)


def test_json_with_one_picture_or_several(
    inference: Inference, astronaut_file: Path, hopper_file: Path
) -> None:
    alone = asked(inference, raw(hopper_file.read_bytes())).body
    lines = base64.encodebytes(hopper_file.read_bytes()).decode()
    assert asked(inference, as_json({"image": in_base64(hopper_file)})).body == alone
    assert asked(inference, as_json({"image": f"data:image/jpeg;base64,{lines}"})).body == alone
    answer = asked(
        inference, as_json({"images": [in_base64(astronaut_file), "AAAA", in_base64(hopper_file)]})
    )
    assert answer.status == 200
    first, bad, last = answer.body
    assert first["faces"][0]["emotion"] == "happiness"
    assert bad["code"] == 400
    assert bad["message"].startswith("images[1]: ")
    assert last == alone
    assert asked(inference, as_json({"images": []})).body == []


def test_several_parts_of_a_form_are_a_list(
    inference: Inference, astronaut_file: Path, hopper_file: Path
) -> None:
    parts = Part("left", astronaut_file.read_bytes()), Part("right", hopper_file.read_bytes())
    answer = asked(inference, *parts)
    assert [one["faces"][0]["emotion"] for one in answer.body] == ["happiness", "neutral"]


def test_fields_that_are_no_pictures_are_left_out(inference: Inference, hopper_file: Path) -> None:
    content = hopper_file.read_bytes()
    alone = asked(inference, raw(content)).body
    others = Part("model_name", b"fer"), Part("q", b"")
    assert asked(inference, *others, raw(content)).body == alone
    assert asked(inference, *others, Part("portrait", content)).body == alone
    assert "no picture" in refusal(asked(inference, *others))


@pytest.mark.parametrize(
    ("parts", "more"),
    [
        ((), {"headers": {"x-EMOTION-format": "Labels"}}),
        ((), {"query": {"format": "labels"}}),
        ((Part("format", b"labels"),), {}),
        ((), {"headers": {"X-Emotion-Format": "labels"}, "query": {"format": "faces"}}),
    ],
)
def test_labels_are_the_list_of_eight(
    inference: Inference, hopper_file: Path, parts: tuple[Part, ...], more: dict[str, Any]
) -> None:
    face = asked(inference, raw(hopper_file.read_bytes())).body["faces"][0]
    answer = asked(inference, raw(hopper_file.read_bytes()), *parts, **more)
    assert [list(pair) for pair in answer.body] == [[label] for label in EMOTIONS]
    assert answer.body == [{label: p} for label, p in face["probabilities"].items()]


def test_labels_of_a_picture_without_a_face_take_it_whole(inference: Inference) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (48, 48, 3), np.uint8)
    picture = raw(encoded(noise, ".png"))
    whole = asked(inference, picture, query={"crop": "whole"}).body
    labels = asked(inference, picture, query={"format": "labels"}).body
    assert labels == [{name: p} for name, p in whole["faces"][0]["probabilities"].items()]
    assert whole["faces"][0]["box"] == [0, 0, 48, 48]
    assert whole["faces"][0]["score"] is None


def test_crops_are_answered_as_the_runtime_reads_them(inference: Inference) -> None:
    crops = np.random.default_rng(2).integers(0, 255, (5, 48, 48), np.uint8)
    runtime, manifest = open_runtime(Settings().runtime)
    answer = asked(inference, raw(saved(crops), CROPS_TYPE))
    assert answer.body["model"] == manifest.model_id
    found = np.array(answer.body["probabilities"], np.float32)
    np.testing.assert_array_equal(found, runtime.predict(crops))
    empty = asked(inference, raw(saved(crops[:0]), CROPS_TYPE))
    assert empty.body == {"model": manifest.model_id, "probabilities": []}


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 48, 48), np.float32), "not a NumPy file"),
        (np.zeros((2, 64, 64), np.uint8), "2 x 64 x 64, expected N x 48 x 48"),
        (np.zeros((MOST_PICTURES + 1, 48, 48), np.uint8), "at most 64"),
        (np.zeros((48, 48), np.uint8), "not a NumPy file"),
        (np.asfortranarray(np.zeros((2, 48, 48), np.uint8)), "not a NumPy file"),
        (np.array([{"a": 1}], object), "not a NumPy file"),
    ],
)
def test_other_arrays_are_refused(inference: Inference, array: npt.NDArray[Any], said: str) -> None:
    assert said in refusal(asked(inference, raw(saved(array), CROPS_TYPE)))


def test_an_array_that_is_not_all_there_is_refused(inference: Inference) -> None:
    content = saved(np.zeros((2, 48, 48), np.uint8))
    assert "cut off" in refusal(asked(inference, raw(content[:-1], CROPS_TYPE)))
    both = asked(inference, raw(content, CROPS_TYPE), Part("data", b"x"))
    assert "only body" in refusal(both)


def declared(width: int, height: int) -> bytes:
    """A small PNG with a right checksum that declares any size."""
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
    chunks = [head, b"IDAT" + zlib.compress(bytes(1000)), b"IEND"]
    sealed = (
        (len(c) - 4).to_bytes(4, "big") + c + zlib.crc32(c).to_bytes(4, "big") for c in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(sealed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"hello", "a text file"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "cut off"),
        (bytes(100), "unknown kind"),
        (declared(20_000, 20_000), "too large"),
        (declared(4_000_000, 1), "damaged"),
        (declared(0, 5), "damaged"),
    ],
)
def test_what_is_no_picture_is_refused_in_a_line(
    inference: Inference, content: bytes, said: str
) -> None:
    assert said in refusal(asked(inference, raw(content)))


NO_PICTURE_IN_IT = (
    *(b"{bad", b"\xff\xfe", b"[" * 100_000, b"[]", b"3", b"{}", b"null", b'{"images": 3}'),
    *(b'{"image": 3}', b'{"image": "*"}', b'{"image": ""}', b'{"image": "\\u00e4"}'),
    *(b'{"image": "AAAA", "x": 1}', b'{"picture": "AAAA"}'),
    json.dumps({"images": ["AAAA"] * (MOST_PICTURES + 1)}).encode(),
)


@pytest.mark.parametrize("body", NO_PICTURE_IN_IT)
def test_json_of_another_shape_is_refused(inference: Inference, body: bytes) -> None:
    refusal(asked(inference, raw(body, "application/json")))


def test_an_option_that_there_is_not_is_refused(inference: Inference, hopper_file: Path) -> None:
    answer = asked(inference, raw(hopper_file.read_bytes()), query={"format": "xml"})
    assert refusal(answer) == "format is 'xml'; it can be faces or labels"
    assert "no picture" in refusal(asked(inference, Part("format", b"labels")))


def test_neighbours_in_a_batch_keep_their_own_answers(
    inference: Inference, astronaut_file: Path, hopper_file: Path
) -> None:
    crops = raw(saved(np.zeros((3, 48, 48), np.uint8)), CROPS_TYPE)
    good = [raw(astronaut_file.read_bytes()), crops, raw(hopper_file.read_bytes())]
    bodies = [good[0], raw(b"junk"), good[1], raw(b""), good[2]]
    answers = inference.answer([Request((body,)) for body in bodies])
    assert [answer.status for answer in answers] == [200, 400, 200, 400, 200]
    assert [answers[0], answers[2], answers[4]] == [asked(inference, body) for body in good]
    assert inference.answer([]) == []


def test_a_failure_of_the_model_is_each_requests_own_500(
    inference: Inference,
    hopper_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        raise RuntimeError("no memory")

    monkeypatch.setattr(inference._runtime, "predict", broken)
    answers = inference.answer([Request((raw(hopper_file.read_bytes()),)), Request((raw(b"x"),))])
    assert [answer.status for answer in answers] == [500, 400]
    assert answers[0].body["type"] == "InternalServerException"
    assert "no memory" in caplog.text
