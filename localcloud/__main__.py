"""`python -m localcloud --state DIR [--config FILE]` runs the cloud; `… clean --state DIR` clears leftovers.

Exit codes: 0 after an ordered end, 2 with one line on standard error when it cannot start.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud.core.cloud import Cloud, open_context
from localcloud.core.config import Config, ConfigError, load_config
from localcloud.core.context import Context
from localcloud.core.ports import PortTakenError
from localcloud.core.request_log import configure_logging
from localcloud.core.state_lock import StateInUseError, StateLock
from localcloud.ecs.service import EcsService
from localcloud.machines.cleanup import clean
from localcloud.network.backend import Network
from localcloud.oss.application import oss_application
from localcloud.oss.storage import ObjectStorage
from localcloud.ram.backend import Ram
from localcloud.ros.service import RosService


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    state_dir = Path(options.state).resolve()
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = StateLock(state_dir)
    try:
        config = load_config(Path(options.config) if options.config else None)
        lock.acquire()
        configure_logging()
        if options.command == "clean":
            clean(state_dir)
        else:
            asyncio.run(_serve(state_dir, config, options.stop_machines))
    except (ConfigError, StateInUseError, PortTakenError) as error:
        sys.stderr.write(f"localcloud: {error}\n")
        return 2
    finally:
        lock.release()
    return 0


async def _serve(state_dir: Path, config: Config, stop_machines: bool) -> None:
    context, sockets = open_context(state_dir, config)
    cloud, ecs = _compose(context, sockets)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, cloud.stop_requested.set)
    try:
        await cloud.start()
        await cloud.stop_requested.wait()
        if stop_machines or cloud.stop_machines:
            await ecs.stop_machines()
    finally:
        await cloud.stop()


def _compose(context: Context, sockets: dict[str, socket.socket]) -> tuple[Cloud, EcsService]:
    storage = ObjectStorage(context)
    network = Network(context)
    ram = Ram(context)
    ecs = EcsService(context, network)
    ros = RosService(context, network, ram)
    parts = (storage, network, ram)
    return Cloud(context, sockets, parts, (ecs, ros), oss_application(context, storage)), ecs


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m localcloud", description="An Alibaba-compatible cloud here."
    )
    parser.add_argument(
        "command", nargs="?", choices=("run", "clean"), default="run", help="run (default) or clean"
    )
    parser.add_argument("--state", required=True, help="directory that holds everything the cloud knows")
    parser.add_argument("--config", help="YAML file that changes the defaults")
    parser.add_argument("--stop-machines", action="store_true", help="power machines off at the end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
