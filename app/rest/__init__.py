"""The REST API: Conductor's paths, parameters, bodies and status codes; each route calls one operation."""
