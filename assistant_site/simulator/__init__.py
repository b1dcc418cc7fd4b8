"""Stand-in OpenAI and Anthropic servers: real wire formats, scripted answers and faults.

Libraries only (aiohttp, orjson, pillow when a picture is drawn): neither Django nor LiteLLM is
imported here, so tests, benchmarks and a keyless start get it within a fraction of a second.
docs/simulator.md tells how to use it.
"""

from __future__ import annotations

from assistant_site.simulator.call import Pace, RecordedRequest
from assistant_site.simulator.faults import SimulatedFault
from assistant_site.simulator.server import Simulator

__all__ = ["Pace", "RecordedRequest", "SimulatedFault", "Simulator"]
