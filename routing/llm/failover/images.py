"""The image tool: asks the candidates for a picture in order, with circuits and failover."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from routing.domain.errors import (
    NoProviderAvailable,
    ProviderError,
    ProviderTimeout,
)
from routing.domain.llm import Attempt, ChatMessage, ImageBytes, ImageClient, Meter, RawImage, Usage
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover, Pass
from routing.llm.providers.image_download import measure_image


class ImageGenerator:
    """Draws with the first candidate that can. ``shared`` is the process's; without it each model is
    asked once."""

    def __init__(
        self,
        client: ImageClient,
        shared: Failover | None = None,
        *,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._shared = shared or Failover.plain()
        self._now = now

    async def draw(
        self, prompt: str, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[ImageBytes, ModelRef]:
        """The picture and who drew it. ``meter`` hears of every attempt, a cancelled one too.

        Raises ``NoProviderAvailable``.
        """
        walk = self._shared.walk(candidates)
        turn = await walk.next()
        while turn is not None:
            try:
                return await self._permitted(prompt, turn, meter), turn.model
            except ProviderError as error:
                turn = await walk.after(turn.model, error, begun=False)
        raise NoProviderAvailable(walk.causes) from (walk.causes[-1] if walk.causes else None)

    async def _permitted(self, prompt: str, turn: Pass, meter: Meter) -> ImageBytes:
        try:
            drawn = await self._attempt(prompt, turn.model, meter)
        except ProviderError as error:
            await self._shared.report(turn.permit, error)
            raise
        except BaseException:
            await self._shared.circuits.leave(turn.permit, "released")
            raise
        await self._shared.report(turn.permit, None)
        return drawn

    async def _attempt(self, prompt: str, model: ModelRef, meter: Meter) -> ImageBytes:
        started, outcome, detail, usage = self._now(), "cancelled", "", Usage()

        def attempt() -> Attempt:
            return Attempt(
                operation="image",
                model=model.name,
                provider=model.provider,
                started_ns=started,
                ended_ns=self._now(),
                outcome=outcome,
                usage=usage,
                detail=detail,
                prompt=(ChatMessage("user", prompt),),
            )

        try:
            raw = await self._drawn(prompt, model)
            usage = raw.usage or Usage()
            media_type, width, height = await asyncio.to_thread(measure_image, model.name, raw.data)
            outcome = "ok"
        except ProviderError as error:
            outcome, detail = error.code, error.detail
            raise
        finally:
            done = attempt()
            meter(done)
        return ImageBytes(raw.data, media_type, width, height, raw.revised_prompt, done)

    async def _drawn(self, prompt: str, model: ModelRef) -> RawImage:
        seconds = model.timeouts.total
        try:
            async with asyncio.timeout(seconds):
                return await self._client.image(model, prompt)
        except TimeoutError as exc:
            raise ProviderTimeout(model.name, "total", seconds) from exc
