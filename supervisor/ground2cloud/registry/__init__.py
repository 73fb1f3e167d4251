"""The gateway's records: who is registered, with which ports, and who may call."""
