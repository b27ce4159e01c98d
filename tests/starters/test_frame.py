"""The command's frame: help without imports, one line per failure, exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable

import click
import pytest

from starters import cli, token, version
from starters.run import run
from starters.verbs import VERBS
from wdrip import __version__
from wdrip.errors import InvalidInput, PermanentError, TemporaryError

_HEAVY = (
    "temporalio",
    "oss2",
    "kubernetes",
    "alibabacloud_ecs20140526",
    "pydantic",
    "yaml",
    "rich",
    "asyncio",
)


def _imported_by(*arguments: str) -> set[str]:
    """The heavy packages that a run of the command has imported when it ends."""
    script = (
        "import json, sys\n"
        "from starters.cli import main\n"
        f"main({list(arguments)!r})\n"
        f"print(json.dumps([name for name in {_HEAVY!r} if name in sys.modules]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["-h"], ["version"], ["token", "new"], ["completion", "bash"]])
def test_light_verbs_import_nothing_heavy(arguments: list[str]) -> None:
    assert _imported_by(*arguments) == set()


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["-h"]) == 0
    text = capsys.readouterr().out
    assert r"\___/  \____||_|" in text
    for verb, summary in VERBS.items():
        assert verb in text
        assert summary in text


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_each_verb_helps_and_runs_as_a_module(verb: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"starters.{verb}", "-h"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"wdrip {verb}" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["token"]])
def test_a_command_with_verbs_alone_helps(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert f"Usage: {' '.join(['wdrip', *arguments])} [OPTIONS] COMMAND" in captured.out
    assert "\n  new  " in captured.out or "\n  create  " in captured.out


@pytest.mark.parametrize(
    ("main", "arguments", "place"),
    [
        (cli.main, ["creat"], "wdrip -h"),
        (cli.main, ["get", "-o", "yam"], "wdrip get -h"),
        (cli.main, ["token", "old"], "wdrip token -h"),
        (token.main, ["new", "--loud"], "wdrip token new -h"),
    ],
)
def test_wrong_usage_names_the_help_that_tells(
    main: Callable[[list[str]], int], arguments: list[str], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.endswith(f"; see `{place}`\n")


@pytest.mark.parametrize(
    "arguments", [["creat"], ["token", "new", "--loud"], ["watch"], ["completion", "tcsh"]]
)
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert captured.err.startswith("wdrip: ")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InvalidInput("iaas.region", "unknown region x", "use cn-hangzhou"),
         2, "wdrip: iaas.region: unknown region x; use cn-hangzhou"),
        (PermanentError("the cloud is\n closed"), 1, "wdrip: the cloud is closed"),
        (TemporaryError("busy"), 1, "wdrip: busy"),
        (ValueError("odd"), 1, "wdrip: unexpected ValueError: odd (set WDRIP_DEBUG=1 to see where)"),
        (KeyboardInterrupt(), 130, "wdrip: stopped"),
    ],
)  # fmt: skip
def test_each_failure_has_its_line_and_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command
    def command() -> None:
        raise error

    assert run(command, [], name="wdrip test") == code
    assert capsys.readouterr().err.strip() == line


def test_debugging_shows_where(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command
    def command() -> None:
        raise PermanentError("odd")

    monkeypatch.setenv("WDRIP_DEBUG", "1")
    with pytest.raises(PermanentError):
        run(command, [], name="wdrip test")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert version.main([]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_tokens_have_kubernetes_form_and_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert token.main(["new"]) == 0
    assert token.main(["new"]) == 0
    first, second = capsys.readouterr().out.split()
    for each in (first, second):
        head, _, tail = each.partition(".")
        assert (len(head), len(tail)) == (6, 16)
        assert (head + tail).isalnum()
        assert each == each.lower()
    assert first != second


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    assert "_WDRIP_COMPLETE" in capsys.readouterr().out


def test_completion_offers_verbs() -> None:
    environment = {"_WDRIP_COMPLETE": "bash_complete", "COMP_WORDS": "wdrip c", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'wdrip'; from starters.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout.split() == ["plain,completion", "plain,create"]
