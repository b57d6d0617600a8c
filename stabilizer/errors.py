"""The one error for a video, camera, clock or plan that cannot be used as it is."""


class StabilizerError(Exception):
    """Something in the world does not fit; the message says what, where and what to do."""
