"""The language: definitions, expressions, checks, operators, and the compiler to Celery canvases. No SQL anywhere."""
