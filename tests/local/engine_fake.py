"""A provider that counts, for tests of the engine."""

import threading

from cortex_distill.local.providers import CANCELED, NEVER, Advance, Answer, CallError, Cancelled, Trained, nobody

HALF_WAY = Advance(0.5, 1.5, 1.6, 50)


class FakeProvider:
    """Answers by `reply(call)`, remembers every call and training, can be told to train slowly."""

    def __init__(self):
        self._lock = threading.Lock()
        self.closed = False
        self.lives = 0
        self.reset()

    def reset(self):
        """As new: somebody else, who owes no answer to what failed before."""
        self.lives += 1
        self.calls = []
        self.jobs = []
        self.reply = lambda call: f"echo {call.messages[-1]['content']}"
        self.finish_training = threading.Event()
        self.finish_training.set()
        self.training = threading.Event()
        self.cancelled = threading.Event()

    def complete(self, calls, stop=NEVER, heard=nobody):
        return [CallError(CANCELED) if stop.is_set() else self._heard(*each, heard) for each in enumerate(calls)]

    def _heard(self, place, call, heard):
        answer = self._answer(call)
        if isinstance(answer, Answer):
            heard(place, answer)
        return answer

    def _answer(self, call):
        with self._lock:
            self.calls.append(call)
        text = self.reply(call)
        return text if isinstance(text, CallError) else Answer(text, 3, 2, "fake:echo")

    def finetune(self, job):
        self.jobs.append(job)
        self.training.set()
        try:
            job.progress(HALF_WAY)
            while not self.finish_training.wait(0.01):
                job.progress(HALF_WAY)
        except Cancelled:
            self.cancelled.set()
            raise
        (job.folder / "weights").write_text("tuned")
        return Trained(0.5, 0.6 if job.validation else None, 100)

    def count_tokens(self, text, model="", *, asked=False):
        return len(text.split())

    def served_by(self, model):
        return f"fake:{model} {self.lives}"

    def close(self):
        self.closed = True
