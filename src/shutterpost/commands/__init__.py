"""The commands, one per module: `options` describes its arguments, `run` does it."""
