"""Container images as docker-archive tars, which `ctr images import` reads without any registry.

A docker-archive holds `manifest.json` (which config and layers make which names), one config per image and
one tar per layer. Layers stay uncompressed: the package around them is compressed already, and the machine
would have to unpack them twice.
"""

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wdrip.errors import PermanentError
from wdrip.nodes.package.archive import Member, Members, tree_members, write_tar

NEUTRAL_REPOSITORY = "wdrip.local"
"""Repository of every image in a package; a machine tags them with the cluster's own repository."""

_CREATED = "2020-01-01T00:00:00Z"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class ContainerImage:
    """One image of one layer. `name` is complete, e.g. `wdrip.local/kube-scheduler:v1.20.2`."""

    name: str
    layer: Members
    entrypoint: tuple[str, ...]


def write_image(target: Path, image: ContainerImage, architecture: str) -> None:
    """Writes the image as a docker-archive to `target`; the same image gives the same bytes."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".layer-") as layer:
        write_tar(layer, image.layer)
        layer.flush()
        layer.seek(0)
        diff_id = hashlib.file_digest(layer, "sha256").hexdigest()
        config = json.dumps(
            {
                "architecture": architecture,
                "config": {
                    "Entrypoint": list(image.entrypoint),
                    "Env": [f"PATH={_PATH}"],
                    "WorkingDir": "/",
                },
                "created": _CREATED,
                "history": [{"created": _CREATED, "created_by": "wdrip build"}],
                "os": "linux",
                "rootfs": {"diff_ids": [f"sha256:{diff_id}"], "type": "layers"},
            },
            sort_keys=True,
        ).encode()
        config_name = f"{hashlib.sha256(config).hexdigest()}.json"
        layer_name = f"{diff_id}.tar"
        manifest = [{"Config": config_name, "Layers": [layer_name], "RepoTags": [image.name]}]
        members = {
            "manifest.json": Member(json.dumps(manifest).encode()),
            config_name: Member(config),
            layer_name: Member(Path(layer.name)),
        }
        with target.open("wb") as archive:
            write_tar(archive, members)


def _unpack(source: Path, root: Path) -> None:
    # Not Python's tarfile: in the 3.11.2 of Debian 12 it would follow whatever path a member names.
    command = ["tar", "--extract", "--no-same-owner", "--no-same-permissions"]
    command += ["--file", str(source), "--directory", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermanentError(f"{source.name} is no docker-archive: {done.stderr.splitlines()[0]}")


def write_renamed(target: Path, source: Path, name: str) -> None:
    """Copies a docker-archive of one image to `target` under another name.

    Raises PermanentError when `source` holds several images or is no docker-archive.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        root = Path(scratch)
        _unpack(source, root)
        try:
            manifest = json.loads((root / "manifest.json").read_text())
        except (OSError, ValueError) as problem:
            raise PermanentError(f"{source.name} is no docker-archive: {problem}") from problem
        if not isinstance(manifest, list) or len(manifest) != 1:
            raise PermanentError(f"{source.name} does not hold exactly one image")
        members = tree_members(root)
        # The older description of names, which would still hold the first name.
        members.pop("repositories", None)
        manifest[0]["RepoTags"] = [name]
        members["manifest.json"] = Member(json.dumps(manifest, sort_keys=True).encode())
        with target.open("wb") as output:
            write_tar(output, members)
