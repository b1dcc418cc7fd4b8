from __future__ import annotations

import openai

from routing.simulator import Simulator


def test_the_session_fixture_serves_and_records(simulator: Simulator) -> None:
    simulator.clear()
    with openai.OpenAI(api_key="sk-x", base_url=simulator.openai_url) as client:
        answer = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "hello"}]
        )
    assert answer.choices[0].finish_reason == "stop"
    assert [request.call for request in simulator.requests] == ["chat"]
