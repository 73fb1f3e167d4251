"""The log: one owner, one file, text or JSON lines; rotation and a full disk lose nothing silently."""
