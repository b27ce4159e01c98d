"""The order of work: laws for all graphs."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.core.errors import ApiError
from localcloud.ros.engine.control import Control
from localcloud.ros.engine.failure import Failure, StepFailedError
from localcloud.ros.engine.scheduling import run_graph
from localcloud.ros.template.dependencies import order, reverse

# A busy machine must not fail a law by its slowness.
_unhurried = settings(deadline=None)
Graph = dict[str, frozenset[str]]


@st.composite
def _acyclic(draw: st.DrawFn) -> Graph:
    """A graph in which each node waits for earlier ones only, in shuffled order."""
    names = [f"n{number}" for number in range(draw(st.integers(1, 12)))]
    graph = {
        name: frozenset(draw(st.sets(st.sampled_from(names[:index])) if index else st.just(set())))
        for index, name in enumerate(names)
    }
    return {name: graph[name] for name in draw(st.permutations(names))}


@_unhurried
@given(_acyclic())
def test_order_puts_each_after_what_it_waits_for(graph: Graph) -> None:
    ordered = order(graph)

    assert sorted(ordered) == sorted(graph)
    for name, waits_for in graph.items():
        assert all(ordered.index(each) < ordered.index(name) for each in waits_for)


@_unhurried
@given(_acyclic())
def test_reversing_twice_gives_the_graph_back(graph: Graph) -> None:
    assert reverse(reverse(graph)) == graph


@_unhurried
@given(_acyclic(), st.data())
def test_any_edge_back_is_a_cycle(graph: Graph, data: st.DataObject) -> None:
    ordered = order(graph)
    last = data.draw(st.sampled_from(ordered))
    before = [each for each in ordered if last == each or last in _all_behind(graph, each)]
    first = data.draw(st.sampled_from(before))
    graph[last] = graph[last] | {first}

    with pytest.raises(ApiError) as caught:
        order(graph)
    assert caught.value.code == "CircularDependency"
    assert last in caught.value.message


@_unhurried
@given(_acyclic(), st.integers(0, 3))
def test_scheduling_respects_order_and_limit(graph: Graph, limit: int) -> None:
    running: set[str] = set()
    done: list[str] = []

    async def perform(name: str) -> None:
        assert graph[name] <= set(done)
        running.add(name)
        assert not limit or len(running) <= limit
        await asyncio.sleep(0)
        running.remove(name)
        done.append(name)

    assert asyncio.run(run_graph(graph, perform, Control(), limit)) is None
    assert sorted(done) == sorted(graph)


@_unhurried
@given(_acyclic(), st.data())
def test_nothing_begins_on_top_of_a_failure(graph: Graph, data: st.DataObject) -> None:
    broken = data.draw(st.sampled_from(sorted(graph)))
    begun: list[str] = []

    async def perform(name: str) -> None:
        begun.append(name)
        await asyncio.sleep(0)
        if name == broken:
            raise StepFailedError(Failure("broken"))

    failure = asyncio.run(run_graph(graph, perform, Control()))

    assert failure is not None
    assert failure.reason == "broken"
    assert not any(broken in _all_behind(graph, name) for name in begun)


def _all_behind(graph: Graph, name: str) -> set[str]:
    """Everything that `name` waits for, directly or not."""
    found: set[str] = set()
    left = [name]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left.extend(new)
    return found
