"""What `list-etcd-members` prints, as etcd 3.4 really wrote it, read."""

import json
from typing import Any

import pytest

from wdrip.models.observation import EtcdMember, Health
from wdrip.nodes.etcd_operations import added_member
from wdrip.nodes.etcd_report import read_report

FIRST, SECOND = 882411718160172653, 17934112402063393125


def url(host: int, port: int = 2379) -> str:
    return f"https://192.168.0.{host}:{port}"


def listed(member_id: int, host: int, name: str, *, learner: bool = False) -> dict[str, Any]:
    """A line of `member list`: what is empty or false is left out."""
    member: dict[str, Any] = {"ID": member_id, "peerURLs": [url(host, 2380)]}
    if name:
        member |= {"name": name, "clientURLs": [url(host)]}
    if learner:
        member["isLearner"] = True
    return member


def answer(host: int, member_id: int | None, *, health: bool = True, **status: Any) -> dict[str, Any]:
    """One endpoint's; `member_id` None: it gave no status."""
    entries = []
    if member_id is not None:
        header = {"cluster_id": 1, "member_id": member_id, "revision": 330, "raft_term": 2}
        known = {"header": header, "version": "3.4.23", "dbSize": 462848, "raftTerm": 2, **status}
        entries = [{"Endpoint": url(host), "Status": known}]
    return {"url": url(host), "health": health, "status": entries}


def printed(members: list[dict[str, Any]] | None, answers: list[dict[str, Any]]) -> str:
    report = {"members": None if members is None else {"members": members}, "endpoints": answers}
    marked = f"-----BEGIN ETCD MEMBERS-----\n{json.dumps(report)}\n-----END ETCD MEMBERS-----\n"
    return f"wdrip list-etcd-members: finished with exit code 0\n{marked} \n"


def read(members: list[dict[str, Any]], *answers: dict[str, Any]) -> tuple[EtcdMember, ...]:
    found = read_report(printed(members, list(answers)))
    assert found is not None
    return found


def test_a_member_is_read_whole() -> None:
    (member,) = read([listed(FIRST, 77, "n1")], answer(77, FIRST, leader=FIRST))
    assert member == EtcdMember(
        id="c3ef4c84e94466d",
        name="n1",
        peer_url="https://192.168.0.77:2380",
        client_url="https://192.168.0.77:2379",
        leader=True,
        health=Health.HEALTHY,
        revision=330,
        db_size=462848,
    )


def test_a_member_that_does_not_answer_is_unhealthy() -> None:
    members = [listed(FIRST, 77, "n1"), listed(SECOND, 78, "n2")]
    first, second = read(members, answer(77, FIRST, leader=FIRST), answer(78, None, health=False))
    assert (first.health, second.health) == (Health.HEALTHY, Health.UNHEALTHY)
    assert second.revision is None


def test_a_voter_without_the_quorum_is_unhealthy_though_it_answers() -> None:
    (member,) = read([listed(FIRST, 77, "n1")], answer(77, FIRST, health=False, leader=0))
    assert (member.health, member.leader) == (Health.UNHEALTHY, False)


def test_a_learner_is_healthy_when_it_tells_its_status() -> None:
    (member,) = read([listed(FIRST, 77, "n1", learner=True)], answer(77, FIRST, health=False, leader=SECOND))
    assert (member.learner, member.health, member.leader) == (True, Health.HEALTHY, False)


def test_a_member_that_names_an_error_is_unhealthy() -> None:
    errors = ["etcdserver: no leader"]
    (member,) = read([listed(FIRST, 77, "n1", learner=True)], answer(77, FIRST, leader=0, errors=errors))
    assert member.health == Health.UNHEALTHY


def test_an_unstarted_member_is_unknown_and_nameless() -> None:
    (member,) = read([listed(SECOND, 78, "", learner=True)])
    assert (member.health, member.started, member.client_url) == (Health.UNKNOWN, False, "")


def test_another_member_at_its_address_does_not_speak_for_it() -> None:
    (member,) = read([listed(FIRST, 77, "n1")], answer(77, SECOND, leader=SECOND))
    assert (member.health, member.leader) == (Health.UNHEALTHY, False)


def test_of_two_that_say_they_lead_the_newer_term_does() -> None:
    members = [listed(FIRST, 77, "n1"), listed(SECOND, 78, "n2")]
    cut_off = answer(77, FIRST, health=False, leader=FIRST, raftTerm=2)
    first, second = read(members, cut_off, answer(78, SECOND, leader=SECOND, raftTerm=3))
    assert (first.leader, second.leader) == (False, True)


def test_no_list_is_not_an_empty_list() -> None:
    assert read_report(printed(None, [])) is None


def test_an_output_without_a_report_is_told() -> None:
    with pytest.raises(ValueError, match="no report"):
        read_report("ERROR: line 3")


def test_the_added_member_is_the_last_one_named() -> None:
    assert added_member("12:00:00 adding\nmember: f8e37c629f168165\n \n") == "f8e37c629f168165"
    with pytest.raises(ValueError, match="named no member"):
        added_member("ERROR: etcd: refused\n")
