"""A cluster for the benchmarks, on a stack of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.abandoned import told
from tests.e2e.kept import NAME, Kept
from tests.e2e.stack import BIN, Stack
from tests.world.guide import guide_yaml

Row = tuple[str, float, float, str]
"""A figure's words, value, limit and unit."""


@contextmanager
def running(folder: Path, settings: str = "") -> Iterator[Kept]:
    """The guide's cluster of one master, created on a stack below `folder`; both are gone at the end.

    settings: YAML that is added to its configuration.
    """
    stack = Stack(folder / "home")
    stack.home.mkdir(parents=True)
    with told("env", "--unset=WDRIP_CONFIG", f"HOME={stack.home}", BIN / "wdrip", "down"):
        try:
            yield _created(stack, settings)
        finally:
            stack.wdrip("down")


def _created(stack: Stack, settings: str) -> Kept:
    stack.wdrip("up")
    stack.wdrip("build", "--upload")
    stack.wdrip("build", "--extract", "kubectl", str(stack.kubectl_program))
    config, kubeconfig = stack.home / "config.yaml", stack.home / "kubeconfig"
    text = guide_yaml(NAME, stack.wdrip("token", "new").out.strip())
    config.write_text(text + settings, encoding="utf-8")
    stack.wdrip("create", "--wait", "--config", str(config))
    stack.wdrip("get", "-r", "kubeconfig", "-n", NAME, "-w", str(kubeconfig))
    return Kept(stack, kubeconfig)
