"""Who may call: accounts and their access keys. The first account's key pair is generated at first start."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.core.config import Config
from localcloud.core.private_files import write_private

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Account:
    """An account with one access key."""

    id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)


class Accounts:
    """The accounts by access key id."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_key = {account.access_key_id: account for account in accounts}

    def find(self, access_key_id: str) -> Account | None:
        """The account that owns this access key id, or None."""
        return self._by_key.get(access_key_id)


def load_accounts(state_dir: Path, config: Config) -> Accounts:
    """The main account from `credentials.json` (made when absent, mode 0600) and those of the config."""
    more = [Account(each.account_id, each.access_key_id, each.access_key_secret) for each in config.accounts]
    return Accounts([_main_account(state_dir / "credentials.json", config.account_id), *more])


def _main_account(path: Path, account_id: str) -> Account:
    if not path.exists():
        # Shaped like the real ones: `LTAI` + 20 characters, a secret of 30.
        generated = {
            "accessKeyId": "LTAI" + _random_text(20),
            "accessKeySecret": _random_text(30),
            "accountId": account_id,
        }
        write_private(path, json.dumps(generated, indent=2) + "\n")
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Account(kept["accountId"], kept["accessKeyId"], kept["accessKeySecret"])


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
