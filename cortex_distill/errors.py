"""The three kinds of failure, told apart by who can mend them."""

from cortex_distill.markup import visible


class DistillError(Exception):
    """A failure that a person can mend: shown as a message, never as a traceback (exit code 2).

    Its text may quote tickets, replies and files; it goes to terminals and logs, so nothing in it acts there.
    """

    def __str__(self) -> str:
        return visible(super().__str__())


class ConfigError(DistillError):
    """The experiment file is wrong; its author mends it. The message has one line per problem."""


class SetupError(DistillError):
    """The surroundings are wrong: connection, role, region, a missing file or package."""


class StepError(DistillError):
    """A step ran, and what came out cannot be used: numbers, where to look and what to do."""
