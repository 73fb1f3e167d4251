"""Ten minutes of everything that goes wrong, with requests all the time, and a count afterwards.

| module | has |
|---|---|
| world | the sshd, the applications, the agent, and what its configuration says now |
| saves | the ways in which people and programs save a file |
| events | what can happen |
| traffic | the clients, and what they saw |
| checks | the count of what held and what didn't |
| diary | all that happened, in results/soak.log |
| footprint | what the supervisor holds: memory, descriptors, threads, children, files |
"""
