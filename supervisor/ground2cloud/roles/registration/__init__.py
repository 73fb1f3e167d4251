"""The agent as one of a gateway's registrations: joining, leaving, keys, and the backchannel.

`store` keeps the identity on the disk, `joining` and `rotating` are what the commands do, `link`
speaks with the backchannel while the agent runs; `placing` and `way` are pure.
"""
