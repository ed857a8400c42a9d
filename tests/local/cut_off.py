"""Trainings that are cut off, without a process to kill; and what every trainer promises of its checkpoint."""

import pytest

from cortex_distill.local.providers.training.files import CHECKPOINT


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


def check_that_only_its_own_checkpoint_is_used(run, job, folder, after):
    """With one of another job, half a one or an empty one training begins anew. `after` so many epochs there is one."""
    with pytest.raises(Killed):
        run(job(), folder, cut_off(after))
    whole = (folder / CHECKPOINT).read_bytes()
    for spec, content in ((job(fingerprint="two"), whole), (job(), whole[: len(whole) // 2]), (job(), b"")):
        (folder / CHECKPOINT).write_bytes(content)
        said = []
        with pytest.raises(Killed):
            run(spec, folder, cut_off(1, said))
        assert said[0].training_loss is None and said[0].trained_tokens == 0
