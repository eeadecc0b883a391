"""Members, logins and tokens over REST."""
