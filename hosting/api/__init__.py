"""Hosting orders, sites, domains and accesses over REST."""
