"""What the admin's own templates say and bring no Spanish for: named here, so that our catalogue translates it too."""

from django.utils.translation import gettext_noop

UNFOLD_TEXTS = (
    gettext_noop("All applications"),
    gettext_noop("Apply Filters"),
    gettext_noop("Dark"),
    gettext_noop("False"),
    gettext_noop("General"),
    gettext_noop("Light"),
    gettext_noop("More actions"),
    gettext_noop("Next"),
    gettext_noop("No data"),
    gettext_noop("No recent searches"),
    gettext_noop("No results found"),
    gettext_noop("No results matching your query"),
    gettext_noop("Previous"),
    gettext_noop("Recent searches"),
    gettext_noop("Reset filters"),
    gettext_noop("Return to site"),
    gettext_noop("Run"),
    gettext_noop("Search apps and models..."),
    gettext_noop("Select action"),
    gettext_noop("Select action to run"),
    gettext_noop("Select all rows"),
    gettext_noop("Select record"),
    gettext_noop("Select value"),
    gettext_noop("System"),
    gettext_noop("This page yielded into no results. Create a new item or reset your filters."),
    gettext_noop("True"),
    gettext_noop("Type to search"),
)
