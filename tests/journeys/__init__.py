"""Three people with something to do, from its beginning to its end, through the doors that they would use."""
