"""The demo: a gateway, an agent, applications and a caller, all real and on this machine only.

It is an operator, a user and a caller with the program's own commands. What runs on (the gateway,
the agent, PostgreSQL) are children of the program's own supervisor, so that nothing is left however
it ends; what there is of files is in one temporary directory.
"""
