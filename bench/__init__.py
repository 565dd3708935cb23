"""Measures the lab side by side with its peers, in one run: `python -m bench` from the repository's root.

`measure` times, `peers` starts and stops servers, `report` holds figures and targets; each of the other
modules is one group of measures. README.md says what every figure means and what was seen.
"""
