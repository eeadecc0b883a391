"""HAProxy on an edge: its configuration, its maps and certificates, and its running processes.

The files are the truth. The running process is changed through its sockets to match them, always under the host's lock
(``engine.py``), which every reload takes too (``service.RELOAD_SCRIPT``): without it, routes were lost in trials.
"""
