"""Settings and the objects made from them: Celery configuration, database engines, logging. Imports nothing of Podium's."""
