"""Volumes over REST. Which of them a login sees, hosting knows (hosting/api/parts.py)."""
