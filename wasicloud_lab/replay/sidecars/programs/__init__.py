"""Programs of their own: the sidecars, the bare socket and the embedded store. Each is run as a file, in a process
of its own, with a port of loopback to listen on; each says `ready` when it serves and ends when it is stopped.
"""
