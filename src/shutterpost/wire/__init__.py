"""Bytes to messages and messages to bytes. Pure: no sockets, no files, no clock."""
