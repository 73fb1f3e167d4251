"""Why the demo did not go as it should."""

from ground2cloud.errors import Ground2CloudError


class DemoError(Ground2CloudError):
    """Something that the demo was to show did not happen, or it lacks something to show it."""
