"""The HTTP API, live events and the standalone host: thin over library, trainer and generator."""
