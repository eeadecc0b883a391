"""The gate of a web host: a second, local HAProxy between its sites and their databases.

Each database has an address of its own on the loopback, for ever, and a stable name for it in /etc/hosts. The gate
looks that address up in a map and connects to the host of the day. The map changes without a reload, in the file and in
the running process under the host's lock, as on an edge (``controlpanel/agent/haproxy``). TLS goes through it
untouched, so it neither sees passwords nor holds a key.
"""
