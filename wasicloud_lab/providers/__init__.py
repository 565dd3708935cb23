"""Key-value and blob stores behind the links: they know names, bytes and errors, and nothing of WebAssembly.

`registry.open_keyvalue(url)` and `registry.open_blobstore(url)` make one from its address.
"""
