"""``POST /v1/images/generations``: pictures, stored for their owner, by a signed address or as bytes."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, Field, StrictInt, StrictStr

from conversations.api.images import picture_bytes, picture_id, signed_address
from conversations.api.openai.calls import checked_prompt, decision_headers, open_call
from conversations.api.openai.direct import cost_header, direct_response, direct_result
from conversations.api.openai.errors import ModerationBlocked, ParameterFault
from conversations.api.openai.parameters import INTEGRAL, Neutral, read_parameters
from conversations.api.responses import native
from conversations.bootstrap import Container
from conversations.db.access import in_database
from conversations.domain.api_keys import ROUTED, Scope
from conversations.engine.pictures import PictureTask, draw_pictures, picture_decision
from conversations.runs.direct import Result
from conversations.runs.run import Run
from routing.domain.actions import Action
from routing.domain.llm import Usage
from routing.domain.rules import RuleSet

MAX_PICTURES, MAX_PROMPT_CHARS = 4, 32_000
NEUTRAL: Neutral = {
    "background": ("auto",),
    "moderation": ("auto",),
    "output_compression": (100,),
    "output_format": ("png",),
    "partial_images": (0,),
    "stream": (False,),
    "style": (),
}

Word = Annotated[StrictStr, Field(min_length=1, max_length=16)]


class PictureRequest(BaseModel):
    """The body."""

    prompt: StrictStr
    model: Annotated[StrictStr, Field(min_length=1, max_length=96)] | None = None
    n: Annotated[StrictInt, Field(ge=1, le=MAX_PICTURES), INTEGRAL] | None = None
    size: Word | None = None
    quality: Word | None = None
    response_format: Literal["url", "b64_json"] | None = None
    user: Annotated[StrictStr, Field(max_length=512)] | None = None

    @property
    def options(self) -> dict[str, str]:
        """The parameters for the model, without those that leave the choice to it."""
        given = {"size": self.size, "quality": self.quality}
        return {name: value for name, value in given.items() if value and value != "auto"}

    @property
    def requested_model(self) -> str:
        """The model that was asked for by name; empty where the rules choose."""
        return "" if self.model == ROUTED else self.model or ""


@native
async def generate(request: HttpRequest) -> HttpResponse:
    """Draw pictures."""
    call = await open_call(request, Scope.IMAGES)
    parts, caller = call.parts, call.caller
    asked, ignored = read_parameters(PictureRequest, call.json, NEUTRAL, lenient=call.lenient)
    prompt = checked_prompt(asked.prompt, "prompt", max_chars=MAX_PROMPT_CHARS)
    name = asked.requested_model
    caller.require_model(name)
    release = caller.narrowed(await parts.rules.for_person(caller.user), name)
    rules = release.rules_for(caller.user)
    await parts.llm.loaded()
    task = _task(parts, rules, name, asked)
    named, noted = call.end_user(asked.user), call.noted(None, asked.user)
    turn = call.turn(prompt, release, model=name, noted=noted, end_user=named)
    estimate = partial(parts.admission.estimator.pictures, task.candidates, prompt, task.count)
    answer = await direct_result(call, turn, partial(_draw, parts, rules, task), estimate)
    if answer.value["refusal"]:
        raise ModerationBlocked(answer.value["refusal"])
    shown = await _object(answer.value, asked.response_format or "url", caller.user, turn.origin)
    return await direct_response(call, turn, answer, orjson.dumps(shown), ignored)


def _task(parts: Container, rules: RuleSet, name: str, asked: PictureRequest) -> PictureTask:
    """Raises ``ModelUnknown``, and ``ParameterFault`` for what no candidate can do."""
    decision = picture_decision(rules, name)
    if decision.action is not Action.IMAGE:
        raise ParameterFault("model", f"{decision.model} draws no pictures.", "unsupported_value")
    models = rules.candidates(decision)
    faults = [parts.llm.unsupported_picture_option(model, asked.options) for model in models]
    able = [model for model, fault in zip(models, faults, strict=True) if not fault]
    if not able:
        option = faults[0] or "model"
        detail = f"{models[0].name} does not draw with this {option}."
        raise ParameterFault(option, detail, "unsupported_value")
    return PictureTask(decision, able, asked.n or 1, asked.options)


async def _draw(parts: Container, rules: RuleSet, task: PictureTask, run: Run) -> Result:
    run.answer, pictures = await draw_pictures(run.turn, rules, task, parts.engine.ports, run)
    return {
        "refusal": "" if pictures else run.answer.content,
        "created": run.started_ns // 10**9,
        "pictures": [[str(picture_id(each.url)), each.revised_prompt] for each in pictures],
        "usage": _usage_object(run.usage),
        "headers": {**decision_headers(run.answer.decision, "bypass"), **cost_header(run)},
    }


async def _object(result: Result, form: str, user: int, origin: str) -> dict[str, Any]:
    """The answer, with each picture by its address or as the bytes of its file."""
    data = []
    for image, revised in result["pictures"]:
        if form == "url":
            shown = signed_address(f"{origin}/api/v1/images/{image}/")
        else:
            file = await in_database(picture_bytes, user=user, image=UUID(image))
            shown = (await asyncio.to_thread(base64.b64encode, file)).decode()
        data.append({form: shown, "revised_prompt": revised})
    return {"created": result["created"], "data": data, "usage": result["usage"]}


def _usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens_details": {"text_tokens": usage.input_tokens, "image_tokens": 0},
    }
