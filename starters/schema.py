"""`wdrip schema`: the JSON Schema of the files that wdrip reads, for editors and checks."""

import json
import sys
from collections.abc import Sequence

import click

from starters.run import run


@click.command(name="schema")
@click.argument("file", type=click.Choice(["cluster", "config"]), default="cluster")
def command(file: str) -> None:
    """Print the JSON Schema of a cluster's config.yaml (`cluster`) or of ~/.wdrip/config (`config`)."""
    from pydantic import BaseModel

    from wdrip.models.cluster_config import ClusterConfig
    from wdrip.models.provider_config import ConfigFile

    model: type[BaseModel] = ClusterConfig if file == "cluster" else ConfigFile
    print(json.dumps(model.model_json_schema(by_alias=True), indent=2))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip schema")


if __name__ == "__main__":
    sys.exit(main())
