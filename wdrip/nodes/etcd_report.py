"""What `list_etcd_members` printed, read."""

import json
from collections.abc import Mapping
from typing import Any

from wdrip.models.observation import EtcdMember, Health

_BEGIN, _END = "-----BEGIN ETCD MEMBERS-----", "-----END ETCD MEMBERS-----"

_Json = Mapping[str, Any]


def read_report(output: str) -> tuple[EtcdMember, ...] | None:
    """The members in the output of `list_etcd_members`; None when no member listed them.

    A voter is healthy when a read through the quorum succeeded at its own address, a learner when it told its
    status; `unknown` is one that has never started, and so has no address to ask. The one that says of itself
    in the newest term that it leads is the leader. Raises ValueError when the output holds no report.
    """
    report = _between_marks(output)
    listed = report["members"]
    if listed is None:
        return None
    answers = {answer["url"]: answer for answer in report["endpoints"]}
    members = [_member(member, answers) for member in listed["members"]]
    leading = max((term for _, term in members), default=0)
    return tuple(member.model_copy(update={"leader": term == leading > 0}) for member, term in members)


def _between_marks(output: str) -> dict[str, Any]:
    _, begin, rest = output.rpartition(_BEGIN)
    text, end, _ = rest.partition(_END)
    if not begin or not end:
        raise ValueError("the machine printed no report of etcd's members")
    report: dict[str, Any] = json.loads(text)
    return report


def _member(listed: _Json, answers: Mapping[str, _Json]) -> tuple[EtcdMember, int]:
    """The member, and the term in which it says that it leads (0: it does not)."""
    urls: list[str] = listed.get("clientURLs", [])
    learner = bool(listed.get("isLearner", False))
    answer = next((answers[url] for url in urls if url in answers), None)
    status = _status(answer, listed["ID"])
    header = status.get("header", {})
    leads = bool(status) and status.get("leader") == listed["ID"]
    return EtcdMember(
        id=f"{listed['ID']:x}",
        name=listed.get("name", ""),
        peer_url=listed["peerURLs"][0],
        client_url=urls[0] if urls else "",
        learner=learner,
        health=_health(answer, learner, status),
        revision=header.get("revision"),
        db_size=status.get("dbSize"),
    ), int(status.get("raftTerm", 0)) if leads else 0


def _status(answer: _Json | None, member_id: int) -> _Json:
    """The member's own status; empty when it gave none, or when another member answers at its address."""
    for entry in answer["status"] if answer else ():
        status: _Json = entry["Status"]
        if status["header"]["member_id"] == member_id:
            return status
    return {}


def _health(answer: _Json | None, learner: bool, status: _Json) -> Health:
    if answer is None:
        return Health.UNKNOWN
    well = bool(status) and (learner or answer["health"]) and not status.get("errors")
    return Health.HEALTHY if well else Health.UNHEALTHY
