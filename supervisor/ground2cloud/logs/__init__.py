"""The log: one owner, one file, text or JSON lines; nothing is lost in silence."""
