"""Faults of Celery, kombu and Redis that Podium is built around, each shown on a plain Celery application."""
