"""The fields that kubeadm's strict decoder accepts, by API version, as published.

Source: the type definitions in the Kubernetes repository, cmd/kubeadm/app/apis/kubeadm, one folder for each
of v1beta2, v1beta3 and v1beta4 (types.go; kubernetes.io's kubeadm configuration reference has the same). Only
the types that wdrip writes; a field that a version lacks is refused by it. A list of named arguments is what
v1beta4 made of every map of them.
"""

from typing import Any

ARGUMENT_MAP: dict[str, Any] = {"*": str}
ARGUMENT_LIST: list[Any] = [{"name": str, "value": str}]
STRINGS: list[Any] = [str]

Schema = dict[str, Any]


def _registration(arguments: Any, version: int) -> Schema:
    return {
        "name": str,
        "criSocket": str,
        "taints": [dict],
        "kubeletExtraArgs": arguments,
        "ignorePreflightErrors": STRINGS,
        **({"imagePullPolicy": str} if version >= 3 else {}),
        **({"imagePullSerial": bool} if version >= 4 else {}),
    }


_ENDPOINT: Schema = {"advertiseAddress": str, "bindPort": int}
_TOKENS: list[Any] = [
    {"token": str, "description": str, "ttl": str, "expires": str, "usages": STRINGS, "groups": STRINGS}
]


def _component(arguments: Any, version: int) -> Schema:
    return {
        "extraArgs": arguments,
        "extraVolumes": [dict],
        **({"extraEnvs": [dict]} if version >= 4 else {}),
    }


def init_configuration(version: int) -> Schema:
    """InitConfiguration of `v1beta<version>`."""
    arguments = ARGUMENT_LIST if version >= 4 else ARGUMENT_MAP
    schema: Schema = {
        "apiVersion": str,
        "kind": str,
        "bootstrapTokens": _TOKENS,
        "nodeRegistration": _registration(arguments, version),
        "localAPIEndpoint": _ENDPOINT,
        "certificateKey": str,
    }
    if version >= 3:
        schema |= {"skipPhases": STRINGS, "patches": {"directory": str}}
    if version >= 4:
        schema |= {"dryRun": bool, "timeouts": {"*": str}}
    return schema


def cluster_configuration(version: int) -> Schema:
    """ClusterConfiguration of `v1beta<version>`."""
    arguments = ARGUMENT_LIST if version >= 4 else ARGUMENT_MAP
    component = _component(arguments, version)
    api_server = {**component, "certSANs": STRINGS}
    if version < 4:
        api_server["timeoutForControlPlane"] = str
    dns: Schema = {"imageRepository": str, "imageTag": str}
    if version == 2:
        dns["type"] = str
    if version >= 4:
        dns["disabled"] = bool
    schema: Schema = {
        "apiVersion": str,
        "kind": str,
        "etcd": {
            "local": dict,
            "external": {"endpoints": STRINGS, "caFile": str, "certFile": str, "keyFile": str},
        },
        "networking": {"serviceSubnet": str, "podSubnet": str, "dnsDomain": str},
        "kubernetesVersion": str,
        "controlPlaneEndpoint": str,
        "apiServer": api_server,
        "controllerManager": component,
        "scheduler": component,
        "dns": dns,
        "certificatesDir": str,
        "imageRepository": str,
        "featureGates": {"*": bool},
        "clusterName": str,
    }
    if version == 2:
        schema["useHyperKubeImage"] = bool
    if version >= 4:
        schema |= {
            "proxy": {"disabled": bool},
            "encryptionAlgorithm": str,
            "certificateValidityPeriod": str,
            "caCertificateValidityPeriod": str,
        }
    return schema


def join_configuration(version: int) -> Schema:
    """JoinConfiguration of `v1beta<version>`."""
    arguments = ARGUMENT_LIST if version >= 4 else ARGUMENT_MAP
    discovery: Schema = {
        "bootstrapToken": {
            "token": str,
            "apiServerEndpoint": str,
            "caCertHashes": STRINGS,
            "unsafeSkipCAVerification": bool,
        },
        "file": {"kubeConfigPath": str},
        "tlsBootstrapToken": str,
    }
    if version < 4:
        discovery["timeout"] = str
    schema: Schema = {
        "apiVersion": str,
        "kind": str,
        "nodeRegistration": _registration(arguments, version),
        "caCertPath": str,
        "discovery": discovery,
        "controlPlane": {"localAPIEndpoint": _ENDPOINT, "certificateKey": str},
    }
    if version >= 3:
        schema |= {"skipPhases": STRINGS, "patches": {"directory": str}}
    if version >= 4:
        schema |= {"dryRun": bool, "timeouts": {"*": str}}
    return schema


def refused(document: Any, schema: Any, at: str = "") -> list[str]:
    """Paths in `document` that `schema` does not have, or has with another type."""
    if isinstance(schema, type):
        return [] if isinstance(document, schema) else [f"{at}: {type(document).__name__}"]
    if isinstance(schema, list):
        if not isinstance(document, list):
            return [f"{at}: not a list"]
        return [path for i, item in enumerate(document) for path in refused(item, schema[0], f"{at}[{i}]")]
    if not isinstance(document, dict):
        return [f"{at}: not a map"]
    unknown = [f"{at}.{key}" for key in document if key not in schema and "*" not in schema]
    return unknown + [
        path
        for key, value in document.items()
        if key in schema or "*" in schema
        for path in refused(value, schema.get(key, schema.get("*")), f"{at}.{key}")
    ]
