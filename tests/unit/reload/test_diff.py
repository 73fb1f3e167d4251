"""What differs between two configurations, and nothing more."""

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from ground2cloud.config.model import (
    AgentConfig,
    Api,
    Backoff,
    Gateway,
    Kind,
    Log,
    Paths,
    Service,
    Ssh,
)
from ground2cloud.reload.diff import Changes, Edited, diff

names = st.sampled_from(["quickbooks", "crm", "ledger", "mail", "wiki"])
hosts = st.sampled_from(["localhost", "10.0.0.7", "db"])
ports = st.integers(8080, 8083)
services = st.builds(
    Service,
    name=names,
    kind=st.sampled_from(Kind),
    host=hosts,
    port=ports,
    remote_port=st.integers(11081, 11084),
    remote_bind=st.sampled_from(["127.0.0.1", "127.0.0.2"]),
)
configs = st.builds(
    AgentConfig,
    gateway=st.builds(Gateway, host=st.sampled_from(["a.example", "b.example"])),
    service=st.lists(services, unique_by=lambda service: service.name, max_size=5).map(tuple),
    ssh=st.builds(Ssh, compression=st.booleans(), options=st.just({"AddressFamily": "inet"})),
    backoff=st.builds(Backoff, initial=st.sampled_from([0.5, 1.0])),
    log=st.builds(Log, level=st.sampled_from(["info", "debug"])),
    paths=st.builds(Paths, state=st.sampled_from([None, "state"])),
    api=st.builds(Api, listen=st.sampled_from(["127.0.0.1:3015", "127.0.0.1:3016"])),
)

BOOKS = Service(name="quickbooks", kind=Kind.HTTP, port=8080, remote_port=11081)
BASE = AgentConfig(gateway=Gateway(host="g2c.example"), service=(BOOKS,))


def with_books(**changed: object) -> tuple[AgentConfig, Service]:
    service = msgspec.structs.replace(BOOKS, **changed)
    return msgspec.structs.replace(BASE, service=(service,)), service


def by_name(config: AgentConfig) -> dict[str, Service]:
    return {service.name: service for service in config.service}


def apply(old: AgentConfig, new: AgentConfig, changes: Changes) -> AgentConfig:
    """Make the new configuration of the old one, taking only what the changes name."""
    after = by_name(old)
    for service in changes.removed:
        del after[service.name]
    for service in changes.added:
        assert service.name not in after
        after[service.name] = service
    for edit in changes.retargeted + changes.rebound + changes.rekinded:
        assert after[edit.old.name] == edit.old
        after[edit.new.name] = edit.new
    return AgentConfig(
        service=tuple(after.values()),
        gateway=new.gateway if changes.gateway_or_ssh_changed else old.gateway,
        ssh=new.ssh if changes.gateway_or_ssh_changed else old.ssh,
        backoff=new.backoff if changes.backoff_changed else old.backoff,
        log=new.log if changes.log_changed else old.log,
        paths=new.paths if changes.paths_changed else old.paths,
        api=new.api if changes.api_changed else old.api,
    )


def sort(config: AgentConfig) -> AgentConfig:
    ordered = tuple(sorted(config.service, key=lambda service: service.name))
    return msgspec.structs.replace(config, service=ordered)


@given(config=configs)
def test_a_configuration_does_not_differ_from_itself(config: AgentConfig) -> None:
    assert diff(config, config) == Changes()
    assert not diff(config, config)


@given(old=configs, new=configs)
def test_the_changes_applied_to_the_old_give_the_new(old: AgentConfig, new: AgentConfig) -> None:
    assert sort(apply(old, new, diff(old, new))) == sort(new)


@given(old=configs, new=configs)
def test_there_are_changes_exactly_when_something_differs(
    old: AgentConfig, new: AgentConfig
) -> None:
    assert bool(diff(old, new)) is (sort(old) != sort(new))


@given(old=configs, new=configs)
def test_a_service_falls_under_one_heading_at_most(old: AgentConfig, new: AgentConfig) -> None:
    changes = diff(old, new)
    named = [service.name for service in changes.added + changes.removed]
    edits = changes.retargeted + changes.rebound + changes.rekinded
    named += [edit.old.name for edit in edits]
    assert len(named) == len(set(named))


@given(old=configs, new=configs)
def test_the_way_back_is_the_mirror_image(old: AgentConfig, new: AgentConfig) -> None:
    there, back = diff(old, new), diff(new, old)
    assert set(there.added) == set(back.removed)
    assert {edit.old for edit in there.rebound} == {edit.new for edit in back.rebound}
    assert {edit.old for edit in there.retargeted} == {edit.new for edit in back.retargeted}
    assert {edit.old for edit in there.rekinded} == {edit.new for edit in back.rekinded}


@given(old=configs, new=configs)
def test_the_same_services_need_no_change_of_forwards(old: AgentConfig, new: AgentConfig) -> None:
    assume(old.service != new.service)
    same = msgspec.structs.replace(new, service=old.service)
    assert not diff(old, same).forwards


def test_another_local_port_is_a_new_target() -> None:
    new, service = with_books(port=8081)
    assert diff(BASE, new) == Changes(retargeted=(Edited(BOOKS, service),))


def test_another_local_host_is_a_new_target() -> None:
    new, service = with_books(host="10.0.0.7")
    assert diff(BASE, new) == Changes(retargeted=(Edited(BOOKS, service),))


def test_a_new_target_of_another_kind_is_a_new_target() -> None:
    new, service = with_books(port=5432, kind=Kind.POSTGRESQL)
    assert diff(BASE, new) == Changes(retargeted=(Edited(BOOKS, service),))


def test_another_remote_port_is_a_new_binding() -> None:
    new, service = with_books(remote_port=11082)
    assert diff(BASE, new) == Changes(rebound=(Edited(BOOKS, service),))


def test_a_new_binding_with_a_new_target_is_a_new_binding() -> None:
    new, service = with_books(remote_bind="127.0.0.2", port=8081)
    assert diff(BASE, new) == Changes(rebound=(Edited(BOOKS, service),))


def test_another_kind_alone_touches_no_forward() -> None:
    new, service = with_books(kind=Kind.TCP)
    assert diff(BASE, new) == Changes(rekinded=(Edited(BOOKS, service),))
    assert not diff(BASE, new).forwards


def test_another_name_is_one_service_gone_and_one_come() -> None:
    new, service = with_books(name="books")
    assert diff(BASE, new) == Changes(added=(service,), removed=(BOOKS,))


def test_an_edit_of_log_or_backoff_touches_no_lane() -> None:
    new = msgspec.structs.replace(BASE, log=Log(level="debug"), backoff=Backoff(initial=1.0))
    changes = diff(BASE, new)
    assert changes == Changes(log_changed=True, backoff_changed=True)
    assert not changes.forwards


def test_an_ssh_option_needs_new_lanes() -> None:
    new = msgspec.structs.replace(BASE, ssh=Ssh(options={"AddressFamily": "inet"}))
    assert diff(BASE, new) == Changes(gateway_or_ssh_changed=True)


def test_the_order_of_services_does_not_count() -> None:
    other = msgspec.structs.replace(BOOKS, name="crm", remote_port=11082)
    one = msgspec.structs.replace(BASE, service=(BOOKS, other))
    two = msgspec.structs.replace(BASE, service=(other, BOOKS))
    assert not diff(one, two)
