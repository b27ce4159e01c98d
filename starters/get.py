"""`wdrip get`: the clusters in the bucket's index, one of them in full, or a kubeconfig for it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from starters.log import log
from starters.run import DONE, run
from starters.session import load_config, open_bucket, require_record
from wdrip import names
from wdrip.errors import InvalidInput, PermanentError
from wdrip.leaving import leave
from wdrip.models.cluster import ClusterRecord
from wdrip.models.provider_config import Provider, WdripConfig

_API_PORT = 6443
_RESOURCES = ("cluster", "kubeconfig", "backup", "operations")


@click.command(name="get")
@click.option("-n", "--name", help="The cluster's name (`clusterid`); without it all clusters are listed.")
@click.option("-r", "--resource", type=click.Choice(_RESOURCES), default="cluster", show_default=True,
              help="What to get of the cluster.")  # fmt: skip
@click.option(
    "-o", "--output", type=click.Choice(["table", "yaml", "json"]), default="table", show_default=True
)
@click.option(
    "-w", "--write", "path", type=click.Path(path_type=Path), help="File to write the kubeconfig to."
)
@click.option("--merge", is_flag=True, help="Add to what that file holds, instead of replacing it.")
def command(name: str | None, resource: str, output: str, path: Path | None, merge: bool) -> int:
    """List clusters with their endpoints, show one in full, list its backups, or write its kubeconfig."""
    config = load_config()
    provider = config.provider()
    if resource == "kubeconfig":
        _write_kubeconfig(provider, name, path, merge)
    elif path is not None or merge:
        raise InvalidInput("--write", "only a kubeconfig is written to a file", "add `-r kubeconfig`")
    elif resource == "backup":
        _show_backups(provider, name, output)
    elif resource == "operations":
        _show_operations(config, name, output)
    else:
        _show_clusters(provider, name, output)
    return DONE


def _show_clusters(provider: Provider, name: str | None, output: str) -> None:
    bucket = open_bucket(provider)
    if name is not None:
        records = [require_record(bucket, name)]
    else:
        # An entry may go between the list and the read.
        found = [bucket.get(entry.key) for entry in bucket.list(names.CLUSTERS_PREFIX)]
        records = [ClusterRecord.model_validate_json(each) for each in found if each is not None]
    if output == "table":
        print(_table(records))
    else:
        print(_document([record.model_dump(mode="json", by_alias=True) for record in records], name, output))


def _show_backups(provider: Provider, name: str | None, output: str) -> None:
    if name is None:
        raise InvalidInput("--name", "backups belong to one cluster", "add `-n NAME`")
    from starters.backups import backup_table, read_backups

    entries = read_backups(open_bucket(provider), name)
    if output == "table":
        print(backup_table(entries))
    else:
        # A list even of one: there may be more the next time.
        print(_document([entry.model_dump(mode="json", by_alias=True) for entry in entries], None, output))


def _table(records: Iterable[ClusterRecord]) -> str:
    """Columns of the guide, NAME and ENDPOINT as public/private, then where the cluster stands."""
    rows = [("NAME", "ENDPOINT", "STATUS")]
    rows += [(each.name, f"{each.endpoints.public}/{each.endpoints.private}", each.phase) for each in records]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:<{widths[0]}}   {place:<{widths[1]}}   {phase}" for name, place, phase in rows)


def _document(records: list[object], name: str | None, output: str) -> str:
    """One record when one was asked for, else the list."""
    content = records if name is None else records[0]
    if output == "json":
        import json

        return json.dumps(content, indent=2, ensure_ascii=False)
    import yaml

    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True).rstrip()


def _show_operations(config: WdripConfig, name: str | None, output: str) -> None:
    if name is None:
        raise InvalidInput("--name", "operations belong to one cluster", "add `-n NAME`")
    import asyncio

    from starters.operations import ask_operations, operations_table

    operations = asyncio.run(ask_operations(config, name))
    if output == "table":
        print(operations_table(operations))
        if not operations:
            log(f"nothing yet since its create, which `wdrip watch -n {name}` shows")
    else:
        print(_document([each.model_dump(mode="json") for each in operations], None, output))


def _write_kubeconfig(provider: Provider, name: str | None, path: Path | None, merge: bool) -> None:
    if name is None:
        raise InvalidInput("--name", "a kubeconfig belongs to one cluster", "add `-n NAME`")
    if path is None:
        raise InvalidInput("--write", "there is no file to write the kubeconfig to", "add `-w PATH`")
    from wdrip.security.bundle import SecretsBundle
    from wdrip.security.kubeconfig import admin_kubeconfig, write
    from wdrip.security.sealing import load_key, unseal

    bucket = open_bucket(provider)
    record = require_record(bucket, name)
    key = names.secrets_key(name)
    sealed = bucket.get(key)
    if sealed is None or not record.endpoints.public:
        raise PermanentError(
            f"cluster {name} is {record.phase} and has no API server yet; see `wdrip watch -n {name}`"
        )
    bundle = SecretsBundle.from_bytes(unseal(sealed, load_key(provider), key))
    log(f"sign kubernetes: [{name}]")
    kubeconfig = admin_kubeconfig(name, f"https://{record.endpoints.public}:{_API_PORT}", bundle)
    target = path.expanduser()
    try:
        write(target, kubeconfig, merge=merge)
    except OSError as error:
        problem = f"{target} cannot be written ({error.strerror})"
        raise InvalidInput("--write", problem, "name another file") from error
    log(f"write kubeconfig to file [{target}]")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip get")


if __name__ == "__main__":
    leave(main())
