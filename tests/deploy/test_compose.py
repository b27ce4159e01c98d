"""docker-compose.yml: what starts after what, what is pinned, what a stop leaves time for."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import worker
from wdrip import __version__, names

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def services() -> dict[str, Any]:
    compose = yaml.safe_load((_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert "version" not in compose
    return dict(compose["services"])


def test_images_are_pinned(services: dict[str, Any]) -> None:
    tags = {
        service["image"].partition(":")[0]: service["image"].partition(":")[2]
        for service in services.values()
    }
    assert tags == {
        "postgres": "16",
        "temporalio/admin-tools": "1.32.0",
        "temporalio/server": "1.32.0",
        "temporalio/ui": "2.54.1",
        "wdrip-worker": __version__,
    }


def test_each_waits_for_what_it_needs(services: dict[str, Any]) -> None:
    waits = {
        name: {before: need["condition"] for before, need in service.get("depends_on", {}).items()}
        for name, service in services.items()
    }
    assert waits == {
        "postgresql": {},
        "temporal-schema": {"postgresql": "service_healthy"},
        "temporal": {"temporal-schema": "service_completed_successfully"},
        "temporal-namespace": {"temporal": "service_healthy"},
        "temporal-ui": {"temporal": "service_healthy"},
        "worker": {"temporal-namespace": "service_completed_successfully"},
    }


def test_what_others_wait_for_has_a_health_check(services: dict[str, Any]) -> None:
    waited_for = {
        before
        for service in services.values()
        for before, need in service.get("depends_on", {}).items()
        if need["condition"] == "service_healthy"
    }
    assert waited_for
    assert all("healthcheck" in services[name] for name in waited_for)


def test_jobs_run_scripts_that_exist_and_end(services: dict[str, Any]) -> None:
    jobs = {name: service for name, service in services.items() if service.get("restart") == "no"}
    assert set(jobs) == {"temporal-schema", "temporal-namespace"}
    for job in jobs.values():
        script = job["entrypoint"][1]
        assert (_ROOT / "deploy" / "temporal" / script.removeprefix("/deploy/")).is_file()


def test_ports_are_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_worker_reads_configuration_and_cannot_write_it(services: dict[str, Any]) -> None:
    (mount,) = services["worker"]["volumes"]
    assert mount.endswith(":/home/wdrip/.wdrip:ro")
    assert services["worker"]["environment"]["WDRIP_CONFIG"] == "/home/wdrip/.wdrip/config"


def test_search_attributes_are_those_of_the_code(services: dict[str, Any]) -> None:
    registered = services["temporal-namespace"]["environment"]["SEARCH_ATTRIBUTES"].split()
    assert registered == list(names.SEARCH_ATTRIBUTES)


def test_stop_leaves_time_for_the_graceful_shutdown(services: dict[str, Any]) -> None:
    grace = re.fullmatch(r"(\d+)s", services["worker"]["stop_grace_period"])
    assert grace is not None
    assert int(grace[1]) > worker.GRACE.total_seconds()


def test_dockerfile_installs_by_hash_and_runs_as_nobody_special() -> None:
    text = (_ROOT / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install[^&]*", text.replace("\\\n", " "))
    assert installs
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    for name in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        assert all((_ROOT / each).exists() for each in name.split())


def test_docker_accepts_the_file() -> None:
    docker = shutil.which("docker") or "docker"
    try:
        subprocess.run([docker, "compose", "version"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        # Without compose the structure above is all that can be checked here.
        return
    done = subprocess.run(
        [docker, "compose", "--file", str(_ROOT / "docker-compose.yml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
