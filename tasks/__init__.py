"""The Celery side: the step, the sweeper for beat, and the worker tasks. Every module below is imported by workers."""
