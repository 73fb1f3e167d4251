"""Anything else: it takes a connection."""

from ground2cloud.applications.conversation import Conversation


async def check(talk: Conversation) -> None:
    """Say nothing: who knows what would be understood."""
    talk.answered("accepts connections")
