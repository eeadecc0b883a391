"""HAProxy on an edge: its configuration, its maps and certificates, and its running processes.

The files are the truth: an edge that was switched off serves everything from them before the panel speaks to it. The
running process is changed through its sockets to match them, under the host's lock, which our reloads take too (without
it, routes were lost in trials). See ``changes.py``.
"""
