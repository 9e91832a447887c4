"""Benchmarks of speed: `python -m bench NAME`, where NAME is a module of this package that measures something."""
