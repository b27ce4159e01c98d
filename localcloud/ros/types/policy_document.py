"""The schema of a RAM policy document inside a template."""

from __future__ import annotations

from localcloud.ros.properties import Property

_STATEMENT = {
    "Effect": Property(allowed=("Allow", "Deny")),
    "Action": Property("any"),
    "NotAction": Property("any"),
    "Resource": Property("any"),
    "Principal": Property("map"),
    "Condition": Property("map"),
}


def policy_document(*, required: bool = False, updatable: bool = False) -> Property:
    """A map of Version and Statement; RAM itself checks what the statements say."""
    return Property(
        "map",
        required=required,
        updatable=updatable,
        fields={
            "Version": Property(required=True),
            "Statement": Property("list", required=True, items=Property("map", fields=_STATEMENT)),
        },
    )
