"""Circuits shared through Redis: by two workers here, each with a board of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from routing.common.redis.clients import Breaker, async_client, close, sync_client
from routing.domain.errors import CircuitsUnavailable
from routing.llm.failover.circuit_states import CircuitAdmin
from routing.llm.failover.circuits import (
    FORCED,
    HEALTHY_SECONDS,
    CircuitSettings,
    LocalCircuits,
    Permit,
    SharedCircuits,
)

PREFIX = "test-circuits"
LIMITS = CircuitSettings(failures=3, open_seconds=0.05, open_max=0.2, probe_seconds=30)
PLAIN = Permit("gpt", allowed=True)
Make = Callable[[CircuitSettings], SharedCircuits]


@pytest.fixture
async def make(redis_url: str) -> AsyncIterator[Make]:
    clients = []

    def board(limits: CircuitSettings) -> SharedCircuits:
        clients.append(async_client(redis_url))
        return SharedCircuits(clients[-1], Breaker(), prefix=PREFIX, settings=limits)

    with sync_client(redis_url) as client:
        CircuitAdmin(client, prefix=PREFIX).reset()
    yield board
    for each in clients:
        await close(each)


async def fails(board: SharedCircuits, times: int, permit: Permit = PLAIN) -> None:
    for _ in range(times):
        await board.leave(permit, "fault", "timeout")


async def probe(board: SharedCircuits) -> Permit:
    """The permit for the probe, as soon as there is one."""
    permit = await board.enter("gpt")
    if permit.allowed:
        return permit
    await asyncio.sleep(permit.wait)  # Redis' clock decides, and tells no event
    return await probe(board)


async def test_one_workers_failures_spare_the_other(make: Make) -> None:
    here, there = make(CircuitSettings(failures=3)), make(CircuitSettings(failures=3))
    await fails(here, 2)
    assert (await there.enter("gpt")).allowed
    await fails(here, 1)

    shut = await there.enter("gpt")
    assert not shut.allowed
    assert 0 < shut.wait <= 5
    assert (await there.enter("claude")).allowed
    (state,) = await there.states()
    assert (state.model, state.state, state.failures) == ("gpt", "open", 3)
    assert state.error == "timeout"


async def test_of_all_workers_one_gets_the_probe(make: Make) -> None:
    boards = [make(LIMITS) for _ in range(4)]
    await fails(boards[0], 3)
    await asyncio.sleep((await boards[0].states())[0].wait)

    permits = await asyncio.gather(*(board.enter("gpt") for board in boards for _ in range(3)))

    assert sum(permit.allowed for permit in permits) == 1


async def test_a_probe_that_answers_closes_the_circuit(make: Make) -> None:
    here, there = make(LIMITS), make(LIMITS)
    await fails(here, 3)
    await here.leave(await probe(here), "ok")

    assert (await there.enter("gpt")).allowed
    assert await there.states() == []


async def test_a_probe_that_begins_to_answer_closes_it_on_probation(make: Make) -> None:
    board = make(LIMITS)
    await fails(board, 3)
    permit = await probe(board)
    await board.leave(permit, "heard")
    assert (await board.enter("gpt")).allowed

    await fails(board, 1, permit)

    assert not (await board.enter("gpt")).allowed


async def test_a_probe_that_fails_opens_it_for_longer(make: Make) -> None:
    board = make(CircuitSettings(failures=1, open_seconds=0.05, open_max=60))
    await fails(board, 1)
    await fails(board, 1, await probe(board))
    (state,) = await board.states()

    assert state.state == "open"
    assert 0.05 < state.wait <= 0.1


async def test_a_probe_that_was_cancelled_lets_the_next_one_through(make: Make) -> None:
    board = make(LIMITS)
    await fails(board, 3)
    await board.leave(await probe(board), "released")

    assert (await board.enter("gpt")).allowed


async def test_late_news_of_calls_made_before_it_opened_change_nothing(make: Make) -> None:
    board = make(CircuitSettings(failures=3))
    await fails(board, 5)
    await board.leave(Permit("gpt", allowed=True, failures=1), "ok")

    assert not (await board.enter("gpt")).allowed


async def test_a_call_made_in_need_may_close_it(make: Make) -> None:
    board = make(CircuitSettings(failures=3))
    await fails(board, 3)
    await board.leave(Permit("gpt", allowed=True, token=FORCED), "ok")

    assert (await board.enter("gpt")).allowed


async def test_success_starts_the_count_anew(make: Make) -> None:
    board = make(LIMITS)
    await fails(board, 2)
    await board.leave(await board.enter("gpt"), "ok")
    await fails(board, 2)

    assert (await board.enter("gpt")).allowed


async def test_old_failures_are_forgotten(make: Make) -> None:
    board = make(CircuitSettings(failures=2, window=0.02))
    await fails(board, 1)
    await asyncio.sleep(0.05)
    await fails(board, 1)

    assert (await board.enter("gpt")).allowed


async def test_operators_reset_from_either_side(make: Make, redis_url: str) -> None:
    board = make(CircuitSettings(failures=1))
    with sync_client(redis_url) as client:
        desk = CircuitAdmin(client, prefix=PREFIX)
        for reset in (board.reset, _in_thread(desk.reset)):
            await fails(board, 1)
            assert [state.model for state in desk.states()] == ["gpt"]
            await reset("gpt")
            assert (await board.enter("gpt")).allowed


def _in_thread(reset: Callable[[str], None]) -> Callable[[str], Awaitable[None]]:
    return lambda model: asyncio.to_thread(reset, model)


async def test_a_healthy_model_is_not_asked_about_at_once_again(redis_url: str, make: Make) -> None:
    now, client = [0.0], async_client(redis_url)
    limits = CircuitSettings(failures=1)
    here = SharedCircuits(client, Breaker(), prefix=PREFIX, settings=limits, clock=lambda: now[0])
    assert (await here.enter("gpt")).allowed
    await fails(make(limits), 1)
    assert (await here.enter("gpt")).allowed
    assert (await here.enter("claude")).allowed
    now[0] = HEALTHY_SECONDS
    assert not (await here.enter("gpt")).allowed
    await fails(here, 1, Permit("claude", allowed=True))
    assert not (await here.enter("claude")).allowed
    await close(client)


async def test_without_redis_each_worker_knows_its_own() -> None:
    client = async_client("redis://127.0.0.1:1/0")
    board = SharedCircuits(client, Breaker(), prefix=PREFIX, settings=CircuitSettings(failures=2))
    assert (await board.enter("gpt")).allowed
    await fails(board, 2)

    assert not (await board.enter("gpt")).allowed
    assert [state.state for state in await board.states()] == ["open"]
    with pytest.raises(CircuitsUnavailable):
        await board.reset("gpt")
    assert (await board.enter("gpt")).allowed
    await close(client)


async def test_a_process_probes_for_itself_too() -> None:
    time = [0.0]
    circuits = LocalCircuits(CircuitSettings(failures=1, open_seconds=5), clock=lambda: time[0])
    await circuits.leave(PLAIN, "fault")
    assert not (await circuits.enter("gpt")).allowed

    time[0] = 5
    permit = await circuits.enter("gpt")
    assert (permit.allowed, permit.decides) == (True, True)
    assert not (await circuits.enter("gpt")).allowed
    await circuits.leave(permit, "released")
    again = await circuits.enter("gpt")
    await circuits.leave(again, "ok")
    assert (await circuits.enter("gpt")).allowed
