"""A site's files as they were in a snapshot of its volume, on the web host that has it mounted."""
