"""A provider that counts, for tests of the engine."""

import threading

from cortex_distill.local.providers import CANCELED, NEVER, Answer, CallError, Cancelled, Trained


class FakeProvider:
    """Answers by `reply(call)`, remembers every call and training, can be told to train slowly."""

    def __init__(self):
        self._lock = threading.Lock()
        self.closed = False
        self.reset()

    def reset(self):
        self.calls = []
        self.jobs = []
        self.reply = lambda call: f"echo {call.messages[-1]['content']}"
        self.finish_training = threading.Event()
        self.finish_training.set()
        self.training = threading.Event()
        self.cancelled = threading.Event()

    def complete(self, calls, stop=NEVER):
        return [CallError(CANCELED) if stop.is_set() else self._answer(call) for call in calls]

    def _answer(self, call):
        with self._lock:
            self.calls.append(call)
        text = self.reply(call)
        return text if isinstance(text, CallError) else Answer(text, 3, 2, "fake:echo")

    def finetune(self, job):
        self.jobs.append(job)
        self.training.set()
        try:
            job.progress(0.5)
            while not self.finish_training.wait(0.01):
                job.progress(0.5)
        except Cancelled:
            self.cancelled.set()
            raise
        (job.folder / "weights").write_text("tuned")
        return Trained(0.5, 0.6 if job.validation else None, 100)

    def count_tokens(self, text):
        return len(text.split())

    def close(self):
        self.closed = True
