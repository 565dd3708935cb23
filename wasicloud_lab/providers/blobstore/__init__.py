"""Blobstore providers."""
