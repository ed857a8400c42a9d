"""Trainings that are cut off, without a process to kill."""


class Killed(BaseException):
    """Stands for kill -9: nothing of the process but its files is left."""


def cut_off(after, said=None):
    """Ends a training as soon as so many epochs are done; what was said until then goes into `said`."""
    heard = [] if said is None else said

    def say(now):
        heard.append(now)
        if len({each.training_loss for each in heard} - {None}) == after:
            raise Killed

    return say
