"""Settings, and what is made of them: Celery configuration, engines, logging. Imports nothing of Podium's."""
