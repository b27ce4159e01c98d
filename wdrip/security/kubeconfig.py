"""kubeconfig files: built from the cluster's own authority, written for one reader, merged on request."""

import base64
import os
from pathlib import Path
from typing import Any

import yaml

from wdrip.errors import InvalidInput
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle

_LISTS = ("clusters", "users", "contexts")


def admin_kubeconfig(cluster: str, server: str, bundle: SecretsBundle) -> dict[str, Any]:
    """A kubeconfig whose user is a cluster administrator, signed now, valid for pki.CLIENT_LIFETIME.

    server: URL of the API server, e.g. `https://47.96.27.46:6443`.
    """
    user = f"{cluster}-admin"
    pair = pki.issue_client(bundle.cluster_ca, "kubernetes-admin", ("system:masters",))
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {
                    "server": server,
                    "certificate-authority-data": _base64(bundle.cluster_ca.certificate),
                },
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _base64(pair.certificate),
                    "client-key-data": _base64(pair.key),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }


def merged(existing: str, kubeconfig: dict[str, Any]) -> dict[str, Any]:
    """`kubeconfig` put into the text of another: its entries replace those of the same name, its context
    becomes current, all else stays.

    Raises InvalidInput when the text is not a kubeconfig.
    """
    try:
        document = yaml.safe_load(existing) or {}
    except yaml.YAMLError as error:
        raise InvalidInput("--write", f"the file is not YAML ({error})", "name another file") from error
    if not isinstance(document, dict) or any(
        not isinstance(document.get(each) or [], list) for each in _LISTS
    ):
        raise InvalidInput("--write", "the file is not a kubeconfig", "name another file")
    result = {
        "apiVersion": "v1",
        "kind": "Config",
        **document,
        "current-context": kubeconfig["current-context"],
    }
    for each in _LISTS:
        new = kubeconfig[each]
        taken = {entry["name"] for entry in new}
        result[each] = [entry for entry in document.get(each) or [] if entry.get("name") not in taken] + new
    return result


def write(path: Path, kubeconfig: dict[str, Any], *, merge: bool = False) -> None:
    """Write `kubeconfig` (mode 0600, whole or not at all); with `merge` into the file that is there.

    Raises InvalidInput when the file to merge into is not a kubeconfig, OSError when it cannot be written.
    """
    if merge and path.exists():
        kubeconfig = merged(path.read_text(encoding="utf-8"), kubeconfig)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        yaml.safe_dump(kubeconfig, stream, sort_keys=False)
    temporary.replace(path)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
