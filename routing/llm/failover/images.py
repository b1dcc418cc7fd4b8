"""Image generator: draws with the first candidate that can. Called by the image tool."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from routing.domain.llm import ImageBytes, ImageClient, ImageOptions, Meter
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover
from routing.llm.failover.whole_calls import first_result, metered
from routing.llm.providers.image_download import measure_image


@dataclass(frozen=True, slots=True)
class ImageGenerator:
    """``failover`` is the process's; without it each model is called once. ``now`` gives Unix nanoseconds."""

    client: ImageClient
    failover: Failover = field(default_factory=Failover.plain)
    now: Callable[[], int] = time.time_ns

    async def draw(
        self,
        prompt: str,
        candidates: Sequence[ModelRef],
        meter: Meter,
        options: ImageOptions | None = None,
    ) -> tuple[ImageBytes, ModelRef]:
        """The picture and the model that drew it. ``meter`` receives every attempt, a cancelled one too.

        Raises ``NoProviderAvailable``.
        """

        async def call(model: ModelRef) -> ImageBytes:
            async with metered("image", model, prompt, meter, self.now) as attempt:
                raw = await self.client.image(model, prompt, options)
                attempt.usage = raw.usage or attempt.usage
                measured = await asyncio.to_thread(measure_image, model.name, raw.data)
            return ImageBytes(raw.data, *measured, raw.revised_prompt)

        return await first_result(self.failover, candidates, call)
