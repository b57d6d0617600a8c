"""The one error for a log that cannot be used; it says what, where and what to do."""


class GyroDataError(Exception):
    """A gyro log is missing, unreadable, ambiguous or does not cover what was asked of it."""
