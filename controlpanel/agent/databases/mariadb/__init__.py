"""MariaDB. Everything we do ourselves stays out of its binary log: a move must not repeat it on the other host."""
