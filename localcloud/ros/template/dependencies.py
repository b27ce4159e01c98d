"""Which resource waits for which, and the order that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from localcloud.ros.errors import circular_dependency

Graph = Mapping[str, frozenset[str]]
"""For each node, the nodes that must be done before it."""


def order(graph: Graph) -> list[str]:
    """The nodes so that each stands after all that it waits for. Raises CircularDependency."""
    remaining = dict(graph)
    ordered: list[str] = []
    done: set[str] = set()
    while remaining:
        ready = [name for name, waits_for in remaining.items() if waits_for <= done]
        if not ready:
            raise circular_dependency(sorted(_in_cycles(remaining)))
        ordered.extend(ready)
        done.update(ready)
        for name in ready:
            del remaining[name]
    return ordered


def reverse(graph: Graph) -> dict[str, frozenset[str]]:
    """For each node, the nodes that wait for it."""
    waiting: dict[str, set[str]] = {name: set() for name in graph}
    for name, waits_for in graph.items():
        for each in waits_for:
            waiting.setdefault(each, set()).add(name)
    return {name: frozenset(names) for name, names in waiting.items()}


def _in_cycles(stuck: Mapping[str, Iterable[str]]) -> set[str]:
    """Of nodes that cannot start, those that also hold something up: the ends of chains drop out."""
    names = set(stuck)
    while True:
        needed = {each for name in names for each in stuck[name]} & names
        if needed == names:
            return names
        names = needed
