"""Which answer a chat request gets: a verdict, an object of its schema, or text."""

from __future__ import annotations

from routing.simulator.chat import Ask, Reply, limited
from routing.simulator.faults import Fault
from routing.simulator.replies import reply_text


def compose(ask: Ask, fault: Fault, *, obey: bool) -> Reply:
    """The reply to ``ask``, changed as ``fault`` says."""
    return limited(ask, reply_text(ask))
