"""What can't be done now, and is tried again and again."""

import logging

from ground2cloud.logs.fields import log

_log = logging.getLogger(__name__)


class Trouble:
    """The log has when it begins and when it is over.

    Args:
        event: of the two records, `EVENT-trouble` and `EVENT-again`.
        over: what the second one says.

    Attributes:
        text: what is wrong; empty if nothing is.
    """

    def __init__(self, event: str, over: str) -> None:
        self.text = ""
        self._event = event
        self._over = over

    def note(self, text: str) -> None:
        """Note what is wrong now, or with an empty text that nothing is."""
        if text and not self.text:
            log(_log, logging.ERROR, f"{self._event}-trouble", text)
        elif self.text and not text:
            log(_log, logging.INFO, f"{self._event}-again", self._over)
        self.text = text
