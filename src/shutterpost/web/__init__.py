"""The people's page, on a port of its own; never reachable through the camera door."""
