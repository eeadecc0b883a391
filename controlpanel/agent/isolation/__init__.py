"""Isolation of a compromised site on its web host: its way out cut, its processes frozen, traces kept."""
