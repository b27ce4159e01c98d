"""What the documents say stays true: links, steps, commands, both languages."""

import re
from pathlib import Path

import pytest

from hack.configuration_reference import reference
from starters.verbs import VERBS
from workflows.plans import CREATE_STEPS

_ROOT = Path(__file__).parents[2]
_DOCUMENTS = sorted([*_ROOT.glob("*.md"), *(_ROOT / "docs").rglob("*.md")])
_READMES = (_ROOT / "README.md", _ROOT / "README.zh-CN.md")


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.relative_to(_ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8"))
    broken = [each for each in targets if "://" not in each and not (document.parent / each).exists()]
    assert broken == []


@pytest.mark.parametrize("start", [_ROOT / "docs/index.md", *_READMES], ids=lambda path: path.name)
def test_every_document_is_found_from(start: Path) -> None:
    text = start.read_text(encoding="utf-8")
    linked = {(start.parent / each).resolve() for each in re.findall(r"\]\(([^)#\s]+\.md)", text)}
    assert set((_ROOT / "docs").rglob("*.md")) - linked - {start} == set()


def test_configuration_reference_is_up_to_date() -> None:
    committed = (_ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert committed == reference(), "run `make docs`"


def test_create_lists_every_step_with_its_deadline() -> None:
    text = (_ROOT / "docs" / "operations" / "create.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \| (\d+) min \|$", text, re.MULTILINE)
    assert rows == [(step.title, f"{step.deadline.total_seconds() / 60:.0f}") for step in CREATE_STEPS]


@pytest.mark.parametrize("readme", _READMES, ids=lambda path: path.name)
def test_readme_shows_every_verb(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    assert [verb for verb in VERBS if f"wdrip {verb}" not in text] == []


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (_commands(readme) for readme in _READMES)
    assert english == chinese


def test_the_two_commands_come_first() -> None:
    for readme in _READMES:
        head = readme.read_text(encoding="utf-8").splitlines()[:6]
        assert [line.split("#")[0].strip() for line in head if line.startswith("make ")] == [
            "make demo",
            "make test",
        ]


def _commands(readme: Path) -> list[str]:
    """Every line of the code blocks, without comments, and the first column of tables of commands."""
    text = readme.read_text(encoding="utf-8")
    blocks = "".join(re.findall(r"```(?:bash|yaml)\n(.*?)```", text, re.DOTALL))
    cells = re.findall(r"^\| (`wdrip .*?) \| [^|]*\|$", text.replace(r"\|", "/"), re.MULTILINE)
    lines = [line.split("  #")[0].split(" # ")[0].rstrip() for line in blocks.splitlines()]
    return [*lines, *cells]
