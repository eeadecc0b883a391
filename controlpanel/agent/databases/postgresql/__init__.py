"""PostgreSQL. Members own what is in their databases, so nothing of ours looks in there with a superuser's rights."""
