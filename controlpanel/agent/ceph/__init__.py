"""The storage side of CephFS volumes: runs on the pool's storage host, with Debian's python3-rados and python3-cephfs.

``cluster`` talks to the monitors, managers and metadata servers; ``records`` keeps our own word beside the volumes;
``volumes``, ``access``, ``fencing`` and ``snapshots`` are the verbs. Nothing here starts a process: a command through
librados takes 1 to 20 ms, the ``ceph`` program 200 ms.
"""
