"""The doctor: walks the chain from the file to the application, and finds the first broken link.

It changes nothing and leaves nothing behind. What a running agent proves is taken from its status,
because a second connection could not have the same ports.
"""
