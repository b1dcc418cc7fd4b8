"""Image generator: draws with the first candidate that can, with circuits and failover.

Called by the image tool. As ``chat``, but a picture is whole or nothing: no hedge, no continuation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from routing.domain.errors import NoProviderAvailable, ProviderError, ProviderTimeout
from routing.domain.llm import Attempt, ChatMessage, ImageBytes, ImageClient, Meter, RawImage, Usage
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover
from routing.llm.providers.image_download import measure_image


@dataclass(frozen=True, slots=True)
class ImageGenerator:
    """``failover`` is the process's; without it each model is called once. ``now`` gives Unix nanoseconds."""

    client: ImageClient
    failover: Failover = field(default_factory=Failover.plain)
    now: Callable[[], int] = time.time_ns

    async def draw(
        self, prompt: str, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[ImageBytes, ModelRef]:
        """The picture and the model that drew it. ``meter`` receives every attempt, a cancelled one too.

        Raises ``NoProviderAvailable``.
        """
        models = self.failover.candidates(candidates)
        permitted = await models.next()
        while permitted is not None:
            try:
                async with self.failover.settled(permitted.permit):
                    return await self._attempt(prompt, permitted.model, meter), permitted.model
            except ProviderError as error:
                permitted = await models.next_after(permitted.model, error, began=False)
        raise NoProviderAvailable(models.causes) from (models.causes[-1] if models.causes else None)

    async def _attempt(self, prompt: str, model: ModelRef, meter: Meter) -> ImageBytes:
        started, outcome, detail, usage = self.now(), "cancelled", "", Usage()
        try:
            raw = await self._image(prompt, model)
            usage = raw.usage or Usage()
            media_type, width, height = await asyncio.to_thread(measure_image, model.name, raw.data)
            outcome = "ok"
        except ProviderError as error:
            outcome, detail = error.code, error.detail
            raise
        finally:
            # However it ended: a picture that was cancelled may have been paid for.
            attempt = Attempt(
                operation="image",
                model=model.name,
                provider=model.provider,
                started_ns=started,
                ended_ns=self.now(),
                outcome=outcome,
                usage=usage,
                detail=detail,
                prompt=(ChatMessage("user", prompt),),
            )
            meter(attempt)
        return ImageBytes(raw.data, media_type, width, height, raw.revised_prompt, attempt)

    async def _image(self, prompt: str, model: ModelRef) -> RawImage:
        seconds = model.timeouts.total
        try:
            async with asyncio.timeout(seconds):
                return await self.client.image(model, prompt)
        except TimeoutError as exc:
            raise ProviderTimeout(model.name, "total", seconds) from exc
