"""The cluster's API through the typed client, against a TLS server that demands its certificates."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from wdrip.clients.errors import ForbiddenError, NotFoundError
from wdrip.clients.kubernetes import ClusterApi
from wdrip.errors import TemporaryError
from wdrip.models.resources import default_node_pool, master_set_definition
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle

_NODE_INFO = (
    *("architecture", "bootID", "containerRuntimeVersion", "kernelVersion", "kubeProxyVersion"),
    *("kubeletVersion", "machineID", "operatingSystem", "osImage", "systemUUID"),
)


def node(ready: str, message: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "192.168.0.75.i-1"},
        "spec": {"podCIDR": "172.16.0.0/25"},
        "status": {
            "conditions": [{"type": "Ready", "status": ready, "message": message}],
            "nodeInfo": dict.fromkeys(_NODE_INFO, "v1.20.2"),
        },
    }


CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class ApiServer:
    """Answers `METHOD path` with (status, body) and remembers who asked what."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.query: dict[str, list[str]] = {}
        """Of the latest request."""


@contextmanager
def api_server(bundle: SecretsBundle, folder: Path) -> Iterator[ApiServer]:
    pair = pki.issue_server_and_client(bundle.cluster_ca, "api", ("127.0.0.1",), pki.CLIENT_LIFETIME)
    for name, text in (("ca", bundle.cluster_ca.certificate), ("crt", pair.certificate), ("key", pair.key)):
        (folder / name).write_text(text, encoding="ascii")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path, _, query = self.path.partition("?")
            state.query = parse_qs(query)
            state.asked.append((f"{self.command} {path}", self.headers.get("Content-Type", ""), body))
            status, answer = state.answers.get(f"{self.command} {path}", (404, {"reason": "NotFound"}))
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "crt", folder / "key")
    context.load_verify_locations(folder / "ca")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    state = ApiServer(f"https://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.new("abcdef.0123456789abcdef")


@pytest.fixture
def server(bundle: SecretsBundle, tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(bundle, tmp_path) as running:
        yield running


@pytest.fixture
def api(server: ApiServer, bundle: SecretsBundle) -> Iterator[ClusterApi]:
    with ClusterApi.open(server.url, bundle) as opened:
        yield opened


def test_nodes_are_read_with_what_matters(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /api/v1/nodes"] = (200, {"apiVersion": "v1", "items": [node("True", "")]})
    (found,) = api.nodes()
    assert (found.name, found.ready, found.version) == ("192.168.0.75.i-1", True, "v1.20.2")


def test_a_node_that_is_not_there_is_none(api: ClusterApi) -> None:
    assert api.node("192.168.0.75.i-1") is None


def test_a_node_is_not_ready_before_it_says_so(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /api/v1/nodes/n"] = (200, node("False", "no network"))
    found = api.node("n")
    assert found is not None
    assert (found.ready, found.reason) == (False, "no network")


def test_a_definition_is_created(server: ApiServer, api: ClusterApi) -> None:
    definition = master_set_definition()
    server.answers[f"POST {CRD}"] = (201, definition)
    api.apply_definition(definition)
    ((call, _, body),) = server.asked
    assert call == f"POST {CRD}"
    assert body == definition


def test_a_definition_that_is_there_is_brought_up_to_date(server: ApiServer, api: ClusterApi) -> None:
    definition = master_set_definition()
    server.answers[f"POST {CRD}"] = (409, {"reason": "AlreadyExists"})
    server.answers[f"PATCH {CRD}/mastersets.alibabacloud.com"] = (200, definition)
    api.apply_definition(definition)
    call, kind, body = server.asked[-1]
    assert call == f"PATCH {CRD}/mastersets.alibabacloud.com"
    assert "merge-patch" in kind
    assert body == definition


@pytest.mark.parametrize(("status", "established"), [("True", True), ("False", False), (None, False)])
def test_a_definition_is_established_when_it_says_so(
    server: ApiServer, api: ClusterApi, status: str | None, established: bool
) -> None:
    conditions = [{"type": "Established", "status": status}] if status else []
    definition = {**master_set_definition(), "status": {"conditions": conditions}}
    server.answers[f"GET {CRD}/mastersets.alibabacloud.com"] = (200, definition)
    assert api.is_established("mastersets.alibabacloud.com") is established


def test_an_object_is_created_and_left_alone_when_it_is_there(server: ApiServer, api: ClusterApi) -> None:
    path = "/apis/alibabacloud.com/v1/nodepools"
    server.answers[f"POST {path}"] = (201, default_node_pool())
    api.create_if_missing("nodepools", default_node_pool())
    server.answers[f"POST {path}"] = (409, {"reason": "AlreadyExists"})
    api.create_if_missing("nodepools", default_node_pool())
    assert [call for call, _, _ in server.asked] == [f"POST {path}"] * 2


@pytest.mark.parametrize(
    ("status", "reason", "word"),
    [
        (403, "Forbidden", ForbiddenError),
        (404, "NotFound", NotFoundError),
        (409, "Conflict", TemporaryError),
        (429, "TooManyRequests", TemporaryError),
        (500, "InternalError", TemporaryError),
    ],
)
def test_a_refusal_has_its_word(
    server: ApiServer, api: ClusterApi, status: int, reason: str, word: type[Exception]
) -> None:
    server.answers["GET /api/v1/nodes"] = (status, {"reason": reason, "message": "Words of the server."})
    with pytest.raises(word, match=f"cannot list the cluster's nodes: {reason} Words of the server"):
        api.nodes()
    assert len(server.asked) == 1


def test_a_server_of_another_authority_is_not_talked_to(server: ApiServer) -> None:
    stranger = SecretsBundle.new("abcdef.0123456789abcdef")
    with ClusterApi.open(server.url, stranger) as api, pytest.raises(TemporaryError):
        api.nodes()
    assert server.asked == []


def test_a_server_that_is_down_is_temporary(bundle: SecretsBundle) -> None:
    with ClusterApi.open("https://127.0.0.1:9", bundle) as api, pytest.raises(TemporaryError):
        api.nodes()


def test_no_key_stays_on_disk(
    server: ApiServer, bundle: SecretsBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with ClusterApi.open(server.url, bundle):
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert {path.name for path in files} == {"ca.crt", "client.crt", "client.key"}
        assert all(path.stat().st_mode & 0o077 == 0 for path in files)
    assert list(folder.iterdir()) == []


EVICTION = "POST /api/v1/namespaces/kube-system/pods/p/eviction"


@pytest.mark.parametrize(("minor", "version"), [("20+", "v1beta1"), ("21", "v1beta1"), ("22", "v1")])
def test_an_eviction_is_asked_for_in_the_words_of_the_server(
    server: ApiServer, api: ClusterApi, minor: str, version: str
) -> None:
    server.answers["GET /version"] = (200, {"minor": minor})
    server.answers[EVICTION] = (201, {"status": "Success"})
    assert api.evict("kube-system", "p")
    assert server.asked[-1][2]["apiVersion"] == f"policy/{version}"


def test_an_eviction_that_a_budget_forbids_is_refused_not_failed(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /version"] = (200, {"minor": "20"})
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    server.answers[EVICTION] = (429, {"reason": "TooManyRequests", "message": message})
    assert not api.evict("kube-system", "p")


def test_an_eviction_that_the_server_is_too_busy_for_is_temporary(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /version"] = (200, {"minor": "20"})
    server.answers[EVICTION] = (429, {"reason": "TooManyRequests", "message": "too many requests"})
    with pytest.raises(TemporaryError):
        api.evict("kube-system", "p")


def test_a_pod_that_is_gone_has_left(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /version"] = (200, {"minor": "20"})
    assert api.evict("kube-system", "p")


def test_budgets_say_their_version(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /version"] = (200, {"minor": "20"})
    path = "/apis/policy/v1beta1/poddisruptionbudgets"
    server.answers[f"GET {path}"] = (200, {"items": [{"metadata": {"name": "b"}}]})
    assert [each["apiVersion"] for each in api.list_budgets()] == ["policy/v1beta1"]


def test_what_is_gone_needs_no_change(server: ApiServer, api: ClusterApi) -> None:
    api.delete_node("n")
    api.set_status("/apis/alibabacloud.com/v1/nodepools", "p", {"replicas": 1})
    assert not api.set_unschedulable("n", True)
    assert api.master_set() is None
    assert api.node_pools() == []
    assert len(server.asked) == 5


def test_a_status_is_merged_into_the_subresource(server: ApiServer, api: ClusterApi) -> None:
    path = "PATCH /apis/alibabacloud.com/v1/mastersets/masterset/status"
    server.answers[path] = (200, {})
    api.set_status("/apis/alibabacloud.com/v1/mastersets", "masterset", {"replicas": 3})
    assert server.asked[-1] == (path, "application/merge-patch+json", {"status": {"replicas": 3}})


def test_a_pool_that_was_changed_meanwhile_keeps_its_finalizers(server: ApiServer, api: ClusterApi) -> None:
    pool = {"metadata": {"name": "p", "resourceVersion": "7"}}
    path = "PATCH /apis/alibabacloud.com/v1/nodepools/p"
    server.answers[path] = (409, {"reason": "Conflict", "message": "the object has been modified"})
    with pytest.raises(TemporaryError):
        api.set_finalizers(pool, ["f"])
    assert server.asked[-1][2] == {"metadata": {"finalizers": ["f"], "resourceVersion": "7"}}


def test_a_pool_is_changed_where_it_is_said_and_nowhere_else(server: ApiServer, api: ClusterApi) -> None:
    path = "PATCH /apis/alibabacloud.com/v1/nodepools/p"
    server.answers[path] = (200, {})
    changes = {"spec": {"infra": {"zones": None}}}
    api.change_node_pool("p", changes)
    assert server.asked[-1] == (path, "application/merge-patch+json", changes)


def test_a_pool_that_is_gone_cannot_be_changed(api: ClusterApi) -> None:
    with pytest.raises(NotFoundError, match="cannot change node pool p"):
        api.change_node_pool("p", {"spec": {}})


def test_only_the_pods_with_these_labels_are_deleted(server: ApiServer, api: ClusterApi) -> None:
    path = "DELETE /api/v1/namespaces/kube-system/pods"
    server.answers[path] = (200, {})
    api.delete_pods("kube-system", "k8s-app=kube-proxy")
    assert [call for call, _, _ in server.asked] == [path]
    assert server.query == {"labelSelector": ["k8s-app=kube-proxy"]}


def test_an_event_that_was_told_is_not_told_twice(server: ApiServer, api: ClusterApi) -> None:
    server.answers["POST /api/v1/namespaces/default/events"] = (409, {"reason": "AlreadyExists"})
    api.add_event({"metadata": {"name": "e"}})
    assert len(server.asked) == 1


def test_pods_without_a_node_are_chosen_by_the_server(server: ApiServer, api: ClusterApi) -> None:
    server.answers["GET /api/v1/pods"] = (200, {"items": []})
    assert api.list_unassigned_pods() == []
    assert server.query["fieldSelector"] == ["spec.nodeName="]


def test_a_long_list_is_read_to_its_end(bundle: SecretsBundle, server: ApiServer, api: ClusterApi) -> None:
    pages = iter(
        [
            {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "more"}},
            {"items": [{"metadata": {"name": "b"}}], "metadata": {}},
        ]
    )

    class Answers(dict[str, tuple[int, Any]]):
        def get(self, key: str, default: Any = None) -> Any:
            return (200, next(pages)) if key == "GET /api/v1/pods" else default

    server.answers = Answers()
    assert [each["metadata"]["name"] for each in api.list_pods()] == ["a", "b"]
