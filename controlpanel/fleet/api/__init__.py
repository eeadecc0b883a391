"""Hosts over REST, for staff."""
