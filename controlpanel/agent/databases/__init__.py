"""Database hosts: MariaDB and PostgreSQL side by side, with databases that can move to another host.

``names`` checks what comes over the wire; ``mariadb`` and ``postgresql`` speak to the servers over their unix sockets
(Debian's python3-pymysql and python3-psycopg); ``engines`` chooses between the two; ``marks`` remembers, on the host
itself, which databases a move has locked; ``calls`` has what the panel may ask besides resources.
"""
