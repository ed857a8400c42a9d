"""The three kinds of failure, told apart by who can mend them."""


class DistillError(Exception):
    """A failure that a person can mend: shown as a message, never as a traceback (exit code 2)."""


class ConfigError(DistillError):
    """The experiment file is wrong; its author mends it. The message has one line per problem."""


class SetupError(DistillError):
    """The surroundings are wrong: connection, role, region, a missing file or package."""


class StepError(DistillError):
    """A step ran, and what came out cannot be used: numbers, where to look and what to do."""
