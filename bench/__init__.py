"""Measurements; `make bench` runs them and writes docs/performance.md.

Every file measures one thing and says what makes it fast. A figure is compared with
something that runs beside it in the same session, five times in turns, and the medians
count: figures of two machines, or of two moments, do not compare.
"""
