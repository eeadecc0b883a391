"""What the operator of a site would have set up by hand before the panel manages anything."""
