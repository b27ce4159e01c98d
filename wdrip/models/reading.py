"""From a person's YAML to a model, or to one clear line about the first thing that is wrong with it."""

from collections.abc import Hashable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Strict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from wdrip.errors import InvalidInput

_REFUSED = "wdrip_refused"

_NUMBER = ("must be a whole number", "write digits only, without quotes")
_KEYS = ("must have keys below it", "indent its keys as in the guide's file")
_WORDS = {
    "missing": ("is missing", "add it as in the guide's file"),
    "string_type": ("must be text", "write a text, in quotes if it looks like a number"),
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_from_float": _NUMBER,
    "model_type": _KEYS,
    "model_attributes_type": _KEYS,
    "dict_type": _KEYS,
    "list_type": ("must be a list", "write one `- value` line for each"),
}
"""Problem and remedy by pydantic's type of error."""

Model = TypeVar("Model", bound=BaseModel)

Whole = Annotated[int, Strict()]
"""A number as YAML writes it; one in quotes is a text and a person's slip."""


class Document(BaseModel):
    """Part of a file that a person writes: unknown keys are refused, and no input is ever shown in errors.

    Fields whose YAML key is not a Python name in our style have that key as alias, both ways.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the latter."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """The mapping; raises InvalidInput."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"stands twice at the same place, again in line {key.start_mark.line + 1}"
                raise InvalidInput(_key(key.value), problem, "keep one of the two")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def refuse(problem: str, remedy: str, field: str = "") -> PydanticCustomError:
    """The error that a validator raises; `field` names a key below the one that is being validated."""
    context = {"problem": problem, "remedy": remedy, "field": field}
    return PydanticCustomError(_REFUSED, "{problem}; {remedy}", context)


def read_yaml(model: type[Model], text: str, what: str) -> Model:
    """Parse `text` into `model`. `what` names the file in messages about the whole of it.

    Raises InvalidInput with the first problem only, its field in the file's own words.
    """
    try:
        document = yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise InvalidInput(what, f"is not YAML{_place(error)}", "mend the file") from None
    if not isinstance(document, dict):
        raise InvalidInput(what, "has no keys", "write `key: value` lines as the guide shows")
    return read_document(model, document)


def read_document(model: type[Model], document: Mapping[str, Any]) -> Model:
    """Like `read_yaml`, from what YAML has made of the text."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        # The original carries the whole input; nothing of it may reach a log.
        raise _first(error, model) from None


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""


def _first(error: ValidationError, model: type[BaseModel]) -> InvalidInput:
    problems = error.errors(include_url=False, include_input=False)
    # A misspelt key shows up twice, as unknown and as missing; the unknown one tells more.
    first = next((each for each in problems if each["type"] == "extra_forbidden"), problems[0])
    field = _path(first["loc"])
    context = first.get("ctx", {})
    if first["type"] == _REFUSED:
        whole = ".".join(part for part in (field, context["field"]) if part)
        return InvalidInput(whole, context["problem"], context["remedy"])
    problem, remedy = _in_words(first, model)
    return InvalidInput(field, problem, remedy)


def _in_words(error: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, error["loc"][:-1])
        near = get_close_matches(str(error["loc"][-1]), known, n=1)
        return "is unknown", f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
    if kind == "literal_error":
        return "has a value that is not supported", f"choose {error['ctx']['expected']}"
    return _WORDS.get(kind) or (error["msg"].lower(), "see `wdrip schema` for what is allowed")


def _path(location: tuple[int | str, ...]) -> str:
    """`("sans", 0)` as `sans[0]`, `("network", "podcidr")` as `network.podcidr`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{_key(part)}"
    return path.lstrip(".")


def _key(written: str) -> str:
    """A key as a person wrote it; one with a line break or the like as Python would, on one line."""
    return written if written.isprintable() else repr(written)


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        if isinstance(part, int):
            continue
        field = next(each for name, each in model.model_fields.items() if part in (name, each.alias))
        candidates = (field.annotation, *get_args(field.annotation))
        model = next(each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel))
    return [field.alias or name for name, field in model.model_fields.items()]
