"""What an expression speaks of: the names, attributes, conditions and functions in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.ros.template.functions import SUBSTITUTION, function_of


@dataclass(frozen=True)
class Reference:
    """A name in use; `attribute` is None for Ref and `${Name}`, or not a literal for a computed one."""

    name: str
    attribute: str | None = None


Chooser = Callable[[Any], "bool | None"]
"""Decides the condition of a Fn::If, or None to follow both branches."""


def follow_both(_condition: Any) -> bool | None:
    """Look into both branches of every Fn::If."""
    return None


def references(expression: Any, choose: Chooser = follow_both) -> Iterator[Reference]:
    """Every Ref, Fn::GetAtt and Fn::Sub name inside, in the branches that `choose` takes."""
    name = function_of(expression)
    if name is None:
        for each in _children(expression):
            yield from references(each, choose)
        return
    argument = expression[name]
    if name == "Ref" and isinstance(argument, str):
        yield Reference(argument)
    elif name == "Fn::GetAtt" and isinstance(argument, list) and len(argument) == 2:
        literal = argument[1] if isinstance(argument[1], str) else None
        yield Reference(str(argument[0]), literal if literal is not None else "")
        yield from references(argument[1], choose)
    elif name == "Fn::Sub":
        yield from _substitutions(argument, choose)
    elif name == "Fn::If" and isinstance(argument, list) and len(argument) == 3:
        verdict = choose(argument[0])
        for each in argument[1:] if verdict is None else [argument[1 if verdict else 2]]:
            yield from references(each, choose)
    else:
        yield from references(argument, choose)


def functions_used(expression: Any) -> Iterator[str]:
    """Every function called inside."""
    name = function_of(expression)
    if name is not None:
        yield name
    for each in _children(expression):
        yield from functions_used(each)


def conditions_used(expression: Any) -> Iterator[str]:
    """Every condition that a Fn::If, a logical function or `Condition` names inside."""
    name = function_of(expression)
    if name in ("Fn::If", "Fn::And", "Fn::Or", "Fn::Not"):
        argument = expression[name]
        operands = argument if isinstance(argument, list) else [argument]
        yield from (
            each for each in (operands[:1] if name == "Fn::If" else operands) if isinstance(each, str)
        )
    if isinstance(expression, dict) and set(expression) == {"Condition"}:
        yield str(expression["Condition"])
        return
    for each in _children(expression):
        yield from conditions_used(each)


def _substitutions(argument: Any, choose: Chooser) -> Iterator[Reference]:
    text, own = argument, {}
    if isinstance(argument, list) and len(argument) == 2 and isinstance(argument[1], dict):
        text, own = argument
        yield from references(own, choose)
    if not isinstance(text, str):
        return
    for literal, name in SUBSTITUTION.findall(text):
        if not literal and name not in own:
            resource, dot, attribute = name.partition(".")
            yield Reference(resource, attribute if dot else None)


def _children(expression: Any) -> Iterator[Any]:
    if isinstance(expression, dict):
        yield from expression.values()
    elif isinstance(expression, list):
        yield from expression
