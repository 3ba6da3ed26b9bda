"""The addresses of the ingest service, and what is handed in there."""
