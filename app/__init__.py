"""The engine and its interfaces. `celery -A app worker|beat|flower|workflow` finds the Celery application in `app.celery`."""
