"""The one error for a log that cannot be used as it is; the message says what, where and what to do."""


class GyroDataError(Exception):
    """A gyro log is missing, unreadable, ambiguous or does not cover what was asked of it."""
