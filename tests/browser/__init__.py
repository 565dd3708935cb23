"""JupyterLab as a person meets it: a real server, Debian's Chromium, clicks and keys."""
