"""Many hosts at once: up, down, status."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from . import claims, environment, images, network, prerequisites
from .errors import LabError
from .hosts import HOSTS, blueprint
from .instance import Lab
from .machine import Machine
from .progress import Progress


def up(lab: Lab, names: Sequence[str], progress: Progress) -> None:
    """Start the named hosts (the standard ones when none is named) and return when they are ready.

    Safe at any time: what runs well is left alone, what an earlier run left broken is mended.
    """
    prerequisites.ensure(progress)
    blueprints = [blueprint(name) for name in names] or [host for host in HOSTS if host.standard]
    machines = [Machine(lab, host) for host in blueprints]
    with lab.locked():
        network.refuse_overlap(lab)
        claims.claim(lab, progress)
        _at_once([image.ensure for image in {machine.image for machine in machines}], progress)
        _make_way_for_new_images(lab, progress)
        images.prune(progress)
        environment.prepare(lab)
        network.up(lab)
        _at_once([partial(_bring_up, machine) for machine in machines], progress)
    progress(f"lab {lab.name} is up: {', '.join(machine.name for machine in machines)}")


def down(lab: Lab, names: Sequence[str], progress: Progress, *, purge: bool = False) -> None:
    """Shut hosts down. Without names that is all of them, and nothing is left of the lab but its files.

    With ``purge`` their disks are thrown away too; keys and passwords stay.
    """
    lab = claims.as_brought_up(lab)
    machines = [Machine(lab, blueprint(name)) for name in names] or [Machine(lab, host) for host in HOSTS]
    with lab.locked():
        if claims.is_ours(lab):
            for wave in (False, True):
                leaving = [machine for machine in machines if machine.blueprint.serves_hosts is wave]
                _at_once([partial(_take_down, machine) for machine in leaving], progress)
            if not names:
                claims.clear(lab)
                claims.release(lab)
        if purge:
            for machine in machines:
                machine.erase()
    progress(f"{', '.join(names) or f'lab {lab.name}'} is down" + (", its disks thrown away" if purge else ""))


def status(lab: Lab) -> list[dict[str, Any]]:
    """One entry a host: name, address, roles, state ("running", "cut", "off", "absent"), memory in MB or None."""
    ours = claims.is_ours(lab)
    return [_describe(Machine(lab, host), ours) for host in HOSTS]


def power_on(machine: Machine, progress: Progress) -> None:
    """Start one host that is off, and return when it is ready."""
    with machine.lab.locked():
        _bring_up(machine, progress)


def _bring_up(machine: Machine, progress: Progress) -> None:
    if machine.is_running and machine.is_provisioned:
        try:
            machine.reconnect()
            machine.wait_until_booted()
            machine.blueprint.wait_until_ready(machine)
            return
        except LabError as error:
            progress(f"{machine.name}: runs but does not answer, starting it again ({error})")
    if not machine.is_provisioned:
        machine.clear()
        machine.erase()  # nothing was ever handed over; half a host is no host
    machine.start()
    machine.wait_until_booted()
    if not machine.is_provisioned:
        progress(f"{machine.name}: has booted, setting it up")
        machine.blueprint.provision(machine)
        machine.blueprint.wait_until_ready(machine)
        machine.mark_provisioned()
    machine.blueprint.wait_until_ready(machine)
    progress(f"{machine.name}: ready at {machine.address}")


def _take_down(machine: Machine, progress: Progress) -> None:
    was_running = machine.is_running
    machine.shut_down()
    if was_running:
        progress(f"{machine.name}: is down")


def _make_way_for_new_images(lab: Lab, progress: Progress) -> None:
    """Throw the lab's disks away when a host was made from another image: half a new lab would fit neither half.

    Only when nothing runs. The data of a lab is for trying things out; the panel's database, the directory and the
    volumes belong together, so they go together.
    """
    machines = [Machine(lab, host) for host in HOSTS]
    outdated = [machine.name for machine in machines if machine.is_outdated]
    if not outdated:
        return
    if any(machine.is_running for machine in machines):
        progress(f"{', '.join(outdated)}: made from an older image; `lab down` and `lab up` make the lab anew")
        return
    progress(f"the images have changed since {', '.join(outdated)} was made: making the whole lab anew")
    for machine in machines:
        machine.clear()
        machine.erase()


def _describe(machine: Machine, ours: bool) -> dict[str, Any]:
    if ours and machine.is_running:
        state = "running" if machine.is_connected else "cut"
    else:
        state = "off" if machine.exists else "absent"
    memory = machine.memory_bytes if state in ("running", "cut") else None
    return {
        "name": machine.name,
        "address": str(machine.address),
        "roles": list(machine.blueprint.roles),
        "state": state,
        "memory_mb": None if memory is None else memory // 2**20,
    }


def _at_once(works: Sequence[Callable[[Progress], None]], progress: Progress) -> None:
    """Do all in parallel; raise one LabError that tells of every failure."""
    pool = ThreadPoolExecutor(max_workers=max(1, len(works)))
    try:
        futures = [pool.submit(work, progress) for work in works]
        errors = [error for future in futures if (error := future.exception()) is not None]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after a Ctrl-C nobody waits for the rest
    for error in errors:
        if not isinstance(error, LabError):
            raise error
    if errors:
        raise LabError("\n".join(str(error) for error in errors))
