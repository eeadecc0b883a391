"""`manage.py enroll_lab`: as its operator would, enrol every running host of the lab that is not enrolled yet."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from controlpanel.fleet.models import Host
from controlpanel.lab.hosts import HOSTS
from controlpanel.lab.instance import Lab
from controlpanel.lab.machine import Machine
from routing import packet_filter

_AGENT = "/usr/local/lib/controlpanel/agent.pyz"


class Command(BaseCommand):
    help = "Enrol the running hosts of the lab that are not enrolled, or that were made anew since."

    def handle(self, *args: Any, **options: Any) -> None:
        lab = Lab.from_environment()
        enrolled = set(Host.objects.values_list("name", flat=True))
        for machine in [Machine(lab, host) for host in HOSTS if host.roles]:
            if not machine.is_running or (machine.name in enrolled and machine.has(_AGENT)):
                continue
            call_command(
                "enroll",
                machine.name,
                str(machine.address),
                role=list(machine.blueprint.roles),
                identity=str(lab.home / "bootstrap_key"),
                host_key=(machine.home / "ssh_host_ed25519_key.pub").read_text(),
                stdout=self.stdout,
            )
            if machine.more_addresses:
                host = Host.objects.get(name=machine.name)
                packet_filter.set_addresses(host, [str(address) for address in machine.more_addresses])
