"""To whom the load balancer leads, and what restored pools keep of the cloud that they come from."""

import pytest

from activities.backends import PARAMETER
from activities.recovery.endpoint import RecoveryEndpoint
from activities.tasks import RecoverTask
from tests.activities.conftest import Run
from tests.activities.recoveries import ATTEMPT, Recovery
from tests.activities.scripted import ZONES, node_item, pool_item
from wdrip import names
from wdrip.errors import PermanentError


@pytest.fixture
def endpoint(recovery: Recovery) -> RecoveryEndpoint:
    """One master behind the load balancer."""
    recovery.add("i-m1", names.ROLE_MASTER)
    recovery.cloud.stacks.parameters["stack-1"] = {PARAMETER: "i-m1"}
    return RecoveryEndpoint(recovery.cloud.clients())


@pytest.fixture
def here(recovery: Recovery, endpoint: RecoveryEndpoint) -> RecoverTask:
    """A recovery in place that has built its master."""
    new = recovery.add("i-new", names.ROLE_COMING, recovery=ATTEMPT)
    return recovery.task(recovery.back_up(), new)


def behind(recovery: Recovery) -> str:
    return recovery.cloud.stacks.parameters["stack-1"][PARAMETER]


def becomes_ready(recovery: Recovery, ready: str = "True") -> None:
    found = recovery.cloud.machines.machines["i-new"]
    name = names.node_name(found.private_ip, "i-new")
    recovery.cloud.api.node_items[name] = node_item(name, ready)


def test_the_switch_leads_to_the_new_master_alone(
    recovery: Recovery, endpoint: RecoveryEndpoint, here: RecoverTask
) -> None:
    becomes_ready(recovery)
    recovery.cloud.api.down = 1
    for _ in range(2):
        recovery.run(endpoint.switch_endpoint, here)
    assert behind(recovery) == "i-new"
    assert recovery.machine("i-new") == (names.ROLE_MASTER, "Running")
    assert recovery.machine("i-m1") == (names.ROLE_MASTER, "Running")


def test_one_that_does_not_serve_through_it_is_no_master(
    recovery: Recovery, run_late: Run, endpoint: RecoveryEndpoint, here: RecoverTask
) -> None:
    becomes_ready(recovery, "False")
    with pytest.raises(PermanentError, match="last seen: not Ready; look at the stack's load balancer"):
        run_late(endpoint.switch_endpoint, here)
    assert recovery.machine("i-new") == (names.ROLE_COMING, "Running")


def test_switched_back_it_leads_to_those_that_served_before(
    recovery: Recovery, endpoint: RecoveryEndpoint, here: RecoverTask
) -> None:
    recovery.add("i-m2", names.ROLE_RETIRED, "Stopped", recovery=ATTEMPT)
    recovery.add("i-other", names.ROLE_RETIRED, "Stopped", recovery="another attempt")
    recovery.add("i-w", names.ROLE_WORKER)
    becomes_ready(recovery)
    recovery.run(endpoint.switch_endpoint, here)
    for _ in range(2):
        recovery.run(endpoint.switch_back, here)
    assert behind(recovery) == "i-m1,i-m2"
    assert recovery.machine("i-new") == (names.ROLE_COMING, "Running")


def test_pools_keep_nothing_of_the_other_cloud(recovery: Recovery, endpoint: RecoveryEndpoint) -> None:
    pools = recovery.cloud.api.pools
    for name, infra in (
        ("elsewhere", {"zones": ["cn-beijing-a"], "imageId": "theirs"}),
        ("both", {"zones": ["cn-beijing-a", ZONES[0]]}),
        ("anywhere", {}),
        ("here", {"zones": [ZONES[1]]}),
    ):
        pools[name] = pool_item(name)
        pools[name]["spec"]["infra"] |= infra
    over = recovery.task(recovery.back_up(of=recovery.old.model_copy(update={"region": "cn-beijing"})))
    assert recovery.run(endpoint.bind_pools, over) == ("elsewhere", "both")
    assert recovery.cloud.api.changes == [
        ("change", "elsewhere", {"spec": {"infra": {"zones": None, "imageId": None}}}),
        ("change", "both", {"spec": {"infra": {"zones": [ZONES[0]]}}}),
    ]
