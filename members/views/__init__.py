"""Pages of people: one module a topic. Names of addresses are in ``members/urls.py``."""
