"""Errors for a video, camera, clock or plan that cannot be used as it is."""


class StabilizerError(Exception):
    """Something in the world does not fit; the message says what, where and what to do."""


class SyncRefused(StabilizerError):
    """A log cannot be synchronized with a video, or not surely enough; the message says why."""
