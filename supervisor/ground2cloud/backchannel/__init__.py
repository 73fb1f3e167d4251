"""The HTTPS API between agent and gateway: messages, client, server; never on the data path."""
