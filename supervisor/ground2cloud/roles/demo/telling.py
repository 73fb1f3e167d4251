"""What the demo needs of whoever prints it."""

from typing import Protocol


class Teller(Protocol):
    """Tells the story, line for line as it happens."""

    def title(self, text: str) -> None:
        """Say what all this is about."""
        ...

    def scene(self, text: str) -> None:
        """Begin the next part of it."""
        ...

    def note(self, text: str) -> None:
        """Explain something."""
        ...

    def command(self, text: str) -> None:
        """Show what a person types."""
        ...

    def said(self, text: str) -> None:
        """Show what a program answered, or what is in a file; any number of lines."""
        ...

    def proof(self, text: str, when: str = "") -> None:
        """Say what was seen to be so, and when or after how long."""
        ...
