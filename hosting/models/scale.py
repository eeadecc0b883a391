"""A popular site on several web hosts at once."""

from django.db import models

from controlpanel.fleet.models import Host

from .sites import Site


class Placement(models.Model):
    """A further web host of a site, besides ``Site.host``, which stays its main one.

    Its life: meant (the row) → placed (the host has the site) → serving (edges send visitors) → leaving (edges send
    nobody new, requests under way end) → gone (no row). Edges are told those that serve, by ``routing.set_hosts``.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="placements")
    host = models.ForeignKey(Host, on_delete=models.PROTECT, related_name="placements")
    #: Observed: the host confirmed that it has the site.
    placed = models.BooleanField(default=False)
    #: Intent: visitors are sent here. Never before ``placed``.
    serving = models.BooleanField(default=False)
    #: Intent: the site is to go from this host.
    leaving = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["site", "host"], name="placement_once"),
            models.CheckConstraint(
                condition=models.Q(serving=False) | models.Q(placed=True, leaving=False),
                name="placement_serves_if_placed",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} on {self.host}"
