"""Long tests of the promise: 200 kills, and 20 minutes of load; `make soak`."""
