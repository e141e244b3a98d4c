"""What Samsung's cameras mean by what they say. Pure: no sockets, no files, no clock.

Facts cite docs/protocol.md and its words for how good they are: capture, proven,
android, listed, inferred.
"""
