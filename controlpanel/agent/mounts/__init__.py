"""Network volumes on a host: mounting them, making sure what was mounted, and letting them go for certain.

``table`` reads what is mounted, ``points`` guards empty mount points, ``cephfuse`` mounts, ``verify`` looks whether it
is the right volume and alive, ``users`` ends who still works in one, ``release`` unmounts.
"""
