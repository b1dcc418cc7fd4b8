"""OpenAI's images, embeddings, moderations and models."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import math
import random
import re
import time
import uuid
from array import array
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote, urlencode

from aiohttp import web

from assistant_site.simulator.call import SimulatedCall, pause
from assistant_site.simulator.chat import pieces
from assistant_site.simulator.delivery import send_json
from assistant_site.simulator.errors import Rejection
from assistant_site.simulator.intents import is_harmful
from assistant_site.simulator.keywords import STOPWORDS, stem, words

_SIZES = {
    "gpt-image": ("1024x1024", "1024x1536", "1536x1024", "auto"),
    "dall-e-3": ("1024x1024", "1024x1792", "1792x1024"),
    "dall-e-2": ("256x256", "512x512", "1024x1024"),
}
_QUALITY_TOKENS = {"low": 272, "medium": 1056, "high": 4160, "auto": 1056}
_DIMENSIONS = {"text-embedding-3-large": 3072}
_MAX_INPUTS = 2048
_SEEN_CHARS = 40_000
_WORDS, _APART = re.compile(r"[ -~]{8,}"), re.compile(r"[^A-Za-z]+")
_MODELS = [
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-4.1",
    "gpt-4.1-mini",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-image-1",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "omni-moderation-latest",
]
_CATEGORIES = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
]


async def images(call: SimulatedCall) -> web.StreamResponse:
    """``POST /v1/images/generations``."""
    body, model = call.body, call.model or "dall-e-2"
    prompt = _image_prompt(body, model)
    size = _size(body.get("size") or "auto", model)
    await pause(call.pace.first_token_delay_ms)
    listed = [await _image(call, prompt, size, number) for number in range(body.get("n") or 1)]
    answer: dict[str, Any] = {"created": int(time.time()), "data": listed}
    if model.startswith("gpt-image"):
        answer |= _gpt_image_facts(body, prompt, size, len(listed))
    return await send_json(call, answer)


def _image_prompt(body: Mapping[str, Any], model: str) -> str:
    prompt = body.get("prompt")
    if prompt is None:
        raise _bad("Missing required parameter: 'prompt'.", "missing_required_parameter", "prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise _bad("Invalid 'prompt': empty string.", "empty_string", "prompt")
    if model.startswith("gpt-image") and "response_format" in body:
        raise _bad("Unknown parameter: 'response_format'.", "unknown_parameter", "response_format")
    if body.get("n") is not None and not 1 <= body["n"] <= 10:
        raise _bad("Invalid 'n': expected a value between 1 and 10.", "invalid_value", "n")
    if is_harmful(prompt):
        text = (
            "Your request was rejected by the safety system. If you believe this is an error, "
            "contact us at help.openai.com."
        )
        kind = "image_generation_user_error"
        raise Rejection(400, text, error="moderation_blocked", type=kind)
    return prompt


def _size(size: str, model: str) -> tuple[int, int]:
    known = next((sizes for name, sizes in _SIZES.items() if model.startswith(name)), None)
    allowed = known or _SIZES["gpt-image"]
    if size not in {*allowed, "auto"}:
        names = ", ".join(f"'{name}'" for name in allowed[:-1]) + f", and '{allowed[-1]}'"
        raise _bad(
            f"Invalid value: '{size}'. Supported values are: {names}.", "invalid_value", "size"
        )
    width, _, height = (allowed[0] if size == "auto" else size).partition("x")
    return int(width), int(height)


async def _image(
    call: SimulatedCall, prompt: str, size: tuple[int, int], number: int
) -> dict[str, Any]:
    own = call.model.startswith("gpt-image")
    revised = (
        {"revised_prompt": f"A simulated picture: {prompt}"} if call.model != "dall-e-2" else {}
    )
    if not own and call.body.get("response_format", "url") == "url":
        query = urlencode(
            {"prompt": prompt, "width": size[0], "height": size[1], "variant": number}
        )
        return {"url": f"http://{call.request.host}/_simulator/picture?{query}", **revised}
    form = call.body.get("output_format") or "png"
    data = await picture_bytes(prompt, *size, form, number)
    return {"b64_json": base64.b64encode(data).decode(), **revised}


async def picture_bytes(prompt: str, width: int, height: int, form: str, variant: int) -> bytes:
    """A picture, drawn off the event loop."""
    # pillow is loaded with the first picture: it would double the simulator's import time.
    from assistant_site.simulator.pictures import draw  # noqa: PLC0415

    return await asyncio.to_thread(draw, prompt, width, height, form, variant)


def _gpt_image_facts(
    body: Mapping[str, Any], prompt: str, size: tuple[int, int], count: int
) -> dict[str, Any]:
    quality = body.get("quality") or "auto"
    written = _QUALITY_TOKENS.get(quality, 1056) * count
    read = len(pieces(prompt))
    return {
        "background": "opaque",
        "output_format": body.get("output_format") or "png",
        "quality": "medium" if quality == "auto" else quality,
        "size": f"{size[0]}x{size[1]}",
        "usage": {
            "input_tokens": read,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": read},
            "output_tokens": written,
            "output_tokens_details": {"image_tokens": written, "text_tokens": 0},
            "total_tokens": read + written,
        },
    }


async def embeddings(call: SimulatedCall) -> web.StreamResponse:
    """``POST /v1/embeddings``."""
    texts = _inputs(call.body)
    form: Literal["float", "base64"] = call.body.get("encoding_format") or "float"
    dimensions = call.body.get("dimensions") or _DIMENSIONS.get(call.model, 1536)
    data = [
        {"object": "embedding", "index": index, "embedding": encoded(embed(text, dimensions), form)}
        for index, text in enumerate(texts)
    ]
    read = sum(len(pieces(text)) for text in texts)
    usage = {"prompt_tokens": read, "total_tokens": read}
    answer = {"object": "list", "data": data, "model": call.model, "usage": usage}
    return await send_json(call, answer)


def _inputs(body: Mapping[str, Any]) -> list[str]:
    if not body.get("model"):
        raise Rejection(400, "you must provide a model parameter")
    inputs = body.get("input")
    if inputs is None:
        raise _bad("Missing required parameter: 'input'.", "missing_required_parameter", "input")
    if isinstance(inputs, str):
        inputs = [inputs]
    if inputs and all(isinstance(token, int) for token in inputs):
        inputs = [inputs]
    texts = [item if isinstance(item, str) else " ".join(map(str, item)) for item in inputs]
    if not texts or len(texts) > _MAX_INPUTS or not all(texts):
        raise _bad("'$.input' is invalid. Please check the API reference.", None, None)
    return texts


async def moderations(call: SimulatedCall) -> web.StreamResponse:
    """``POST /v1/moderations``."""
    inputs = call.body.get("input")
    if inputs is None:
        raise _bad("Missing required parameter: 'input'.", "missing_required_parameter", "input")
    parts = [inputs] if isinstance(inputs, str) else inputs
    texts = [part for part in parts if isinstance(part, str)]
    if objects := [part for part in parts if isinstance(part, dict)]:
        texts.append(_multimodal(objects))
    answer = {
        "id": "modr-" + uuid.uuid4().hex,
        "model": call.model or "omni-moderation-latest",
        "results": [_judged(text) for text in texts],
    }
    return await send_json(call, answer)


def _multimodal(parts: list[dict[str, Any]]) -> str:
    """The words of one input of several parts."""
    pictures = [part["image_url"]["url"] for part in parts if part.get("type") == "image_url"]
    if len(pictures) > 1:
        text = f"Number of images ({len(pictures)}) exceeds maximum of 1"
        raise _bad(text, "too_many_images", "input")
    return "\n".join([*(str(part.get("text") or "") for part in parts), *map(_shown, pictures)])


def _shown(address: str) -> str:
    """What a picture shows: the words of its address, or those that stand in its bytes as a comment."""
    kind, _, encoded = address.partition(";base64,")
    if kind.startswith("data:"):
        data = base64.b64decode(encoded[:_SEEN_CHARS]).decode("latin-1")
        return " ".join(_WORDS.findall(data))
    return " ".join(_APART.split(unquote(address)))


def _judged(text: str) -> dict[str, Any]:
    flagged = is_harmful(text)
    lowered = text.lower()
    hurts_self = "myself" in lowered or "suicide" in lowered
    hit = {"self-harm", "self-harm/instructions"} if hurts_self else {"illicit", "illicit/violent"}
    hit = hit if flagged else set()
    return {
        "flagged": flagged,
        "categories": {name: name in hit for name in _CATEGORIES},
        "category_scores": {name: 0.97 if name in hit else 0.0001 for name in _CATEGORIES},
        "category_applied_input_types": {
            name: ["text"] if name in hit else [] for name in _CATEGORIES
        },
    }


async def models(call: SimulatedCall) -> web.StreamResponse:
    """``GET /v1/models`` and ``GET /v1/models/{model}``: any name is known."""
    if name := call.request.match_info.get("model"):
        return await send_json(call, _model(name))
    return await send_json(call, {"object": "list", "data": [_model(name) for name in _MODELS]})


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "system"}


def _bad(text: str, code: str | None, param: str | None) -> Rejection:
    return Rejection(400, text, error=code, param=param)


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector for ``text``: the sum of its stems' directions, and a little of its own."""
    total = [0.15 * part for part in _direction("text:" + text, dimensions)]
    for word in words(text):
        weight = 0.3 if word in STOPWORDS else 1.0
        for index, part in enumerate(_direction("stem:" + stem(word), dimensions)):
            total[index] += weight * part
    length = math.sqrt(sum(part * part for part in total))
    return [part / length for part in total]


def encoded(vector: list[float], form: Literal["float", "base64"]) -> list[float] | str:
    """As the API sends it: numbers, or little-endian 32-bit floats in base64."""
    if form == "float":
        return vector
    packed = array("f", vector)
    if packed.itemsize != 4:
        raise TypeError("this platform has no 32-bit floats")
    return base64.b64encode(packed.tobytes()).decode()


@lru_cache(maxsize=512)
def _direction(seed: str, dimensions: int) -> tuple[float, ...]:
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).digest()
    draw = random.Random(digest)  # noqa: S311 - the same text must give the same vector
    return tuple(draw.gauss(0, 1) for _ in range(dimensions))
