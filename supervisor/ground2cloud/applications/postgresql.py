"""PostgreSQL: the answer to an SSLRequest, which comes before any user or database.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL. A server that says
`N` takes the end of the connection without a word in its log. One that says `S` has begun a TLS
handshake and logs an error when it doesn't come, so it gets one.
"""

import struct

from ground2cloud.applications.conversation import SHOWN, Conversation, shown

SSL_REQUEST = struct.pack("!II", 8, 80877103)


async def check(talk: Conversation) -> None:
    """Ask for TLS and go as soon as that is answered."""
    await talk.send(SSL_REQUEST)
    match await talk.receive(1):
        case b"N":
            talk.answered("PostgreSQL answers, without TLS")
        case b"S":
            talk.answered("PostgreSQL answers, with TLS")
            await talk.shake_hands()
        case b"E":
            talk.answered(f"PostgreSQL answers: {shown(await talk.receive_rest(SHOWN, wait=0.2))}")
        case other:
            raise await talk.misunderstood("PostgreSQL", other)
