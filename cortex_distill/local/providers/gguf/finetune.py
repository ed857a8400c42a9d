"""The parent's side of a training: start the process, pass its progress on, stop it when asked."""

from cortex_distill.local.providers import Trained, Training
from cortex_distill.local.providers.gguf.chat import Tokenize


class Trainer:
    def run(self, job: Training, tokenize: Tokenize) -> Trained:
        raise NotImplementedError

    def close(self) -> None:
        pass
