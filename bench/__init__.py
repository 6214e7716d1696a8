"""Podium against plain Celery, side by side on one machine: `make bench`, `python -m bench --help`."""
