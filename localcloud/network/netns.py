"""Entering network namespaces from this process and asking `ip` to change them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path

NAMESPACES = Path("/run/netns")
"""Where `ip netns` keeps named namespaces."""

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class CommandFailedError(Exception):
    """A program of the host refused; the message holds its own words."""


def socket_in(namespace: str, address: str, port: int) -> socket.socket:
    """A TCP socket bound inside a named namespace; it stays there whoever uses it. Raises OSError."""
    opened: list[socket.socket | OSError] = []

    def open_there() -> None:
        # A namespace is a property of the thread: this one ends afterwards, so nothing must be undone.
        try:
            _enter(namespace)
            opened.append(_bound(address, port))
        except OSError as error:
            opened.append(error)

    thread = threading.Thread(target=open_there, name=f"socket in {namespace}")
    thread.start()
    thread.join()
    if isinstance(opened[0], OSError):
        raise opened[0]
    return opened[0]


def exists(namespace: str) -> bool:
    """Whether a namespace of that name is there."""
    return (NAMESPACES / namespace).exists()


async def ip(*arguments: str, namespace: str = "") -> None:
    """Run `ip`, inside a named namespace when given. Raises CommandFailedError."""
    await run(("ip", *(("-n", namespace) if namespace else ()), *arguments))


async def ip_batch(namespace: str, lines: Sequence[str]) -> None:
    """Run several `ip` commands in a namespace with one process. Raises CommandFailedError."""
    await run(("ip", "-n", namespace, "-batch", "-"), "\n".join(lines) + "\n")


async def run(command: Sequence[str], text: str = "") -> str:
    """Run a program to its end and return its output. Raises CommandFailedError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(text.encode())
    if process.returncode != 0:
        words = errors.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise CommandFailedError(f"{' '.join(command)}: {words}")
    return output.decode(errors="replace")


def _enter(namespace: str) -> None:
    descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), namespace)
    finally:
        os.close(descriptor)


def _bound(address: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    return bound
