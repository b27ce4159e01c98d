"""A client that writes to the API server without pause, and remembers what was acknowledged."""

import base64
import http.client
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import yaml

_PATH = "/api/v1/namespaces/default/configmaps"
_TRY_SECONDS = 2.0
"""One try: a master that vanishes in the middle of a request costs no more."""
_PAUSE_SECONDS = 0.05
_WRITES_A_CONNECTION = 10
"""A client keeps its connection, but not for ever: it learns who is behind the load balancer."""


def tls_context(kubeconfig: Path) -> tuple[str, int, ssl.SSLContext]:
    """Host and port of the API server of a kubeconfig, and TLS as its user."""
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / name for name in ("certificate", "key")}
        for name, path in files.items():
            path.write_bytes(base64.b64decode(user[f"client-{name}-data"]))
        context.load_cert_chain(files["certificate"], files["key"])
    server = urlsplit(cluster["server"])
    return str(server.hostname), int(server.port or 443), context


class Writer:
    """Creates one ConfigMap after the other through the load balancer, each until it is acknowledged."""

    def __init__(self, kubeconfig: Path) -> None:
        self._host, self._port, self._tls = tls_context(kubeconfig)
        self._run = f"writer-{uuid4().hex[:8]}"
        self._thread = threading.Thread(target=self._write, name=self._run, daemon=True)
        self._stop = threading.Event()
        self._acknowledged: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    @property
    def acknowledged(self) -> int:
        """How many writes the API server said to have."""
        return len(self._acknowledged)

    def longest_silence(self) -> float:
        """The longest time in seconds in which no write was acknowledged."""
        moments = [moment for moment, _ in self._acknowledged]
        return max((later - earlier for earlier, later in pairwise(moments)), default=0)

    def lost(self) -> list[str]:
        """The acknowledged writes that are not there any more."""
        _, body = self._ask("GET", f"{_PATH}?labelSelector=writer%3D{self._run}", timeout=30)
        there = {item["metadata"]["name"] for item in body["items"]}
        return [name for _, name in self._acknowledged if name not in there]

    def _write(self) -> None:
        connection: http.client.HTTPSConnection | None = None
        number = 0
        while not self._stop.is_set():
            if connection is None or number % _WRITES_A_CONNECTION == 0:
                connection = http.client.HTTPSConnection(
                    self._host, self._port, context=self._tls, timeout=_TRY_SECONDS
                )
            try:
                created = self._create(connection, f"{self._run}-{number}")
            except (OSError, http.client.HTTPException):
                connection, created = None, False
            if created:
                self._acknowledged.append((time.monotonic(), f"{self._run}-{number}"))
                number += 1
            self._stop.wait(_PAUSE_SECONDS)

    def _create(self, connection: http.client.HTTPSConnection, name: str) -> bool:
        metadata = {"name": name, "labels": {"writer": self._run}}
        text = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
        connection.request("POST", _PATH, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        # It is there already when a try whose answer was lost had its effect.
        return answer.status in (http.client.CREATED, http.client.CONFLICT)

    def _ask(self, method: str, path: str, timeout: float) -> tuple[int, Mapping[str, Any]]:
        connection = http.client.HTTPSConnection(self._host, self._port, context=self._tls, timeout=timeout)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
