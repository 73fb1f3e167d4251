"""Supervision itself: start a child, know that it is ready, bring it back, end it.

The core knows no ssh, no HTTP and no command line. Decisions are made by one pure function,
`machine.step`; one loop, `supervise.Supervisor`, performs what it answers and is the only owner
of every child's state.
"""
