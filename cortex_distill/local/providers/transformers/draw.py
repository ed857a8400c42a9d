"""Drawing tokens: each row of a batch by its own temperature and seed, so that no draw hangs on its neighbours."""

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

from cortex_distill.local.providers.transformers.asked import Luck


class Draw(LogitsProcessor):  # type: ignore[misc]  # no type hints published
    """Changes scores so that the highest one is the draw: the highest of score + Gumbel noise is a sample.

    Source: Maddison, Tarlow and Minka (2014), arXiv 1411.0030. Used with greedy search.
    """

    def __init__(self, lucks: Sequence[Luck]) -> None:
        self._drawn = [
            (row, luck, torch.Generator().manual_seed(luck.seed))
            for row, luck in enumerate(lucks)
            if luck.temperature > 0
        ]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores of the next token, N × vocabulary."""
        scores = scores.float()
        for row, luck, generator in self._drawn:
            scores[row] = _nucleus(scores[row] / luck.temperature, luck.top_p) + noise(scores.shape[1], generator).to(
                scores.device
            )
        return scores


def noise(size: int, generator: torch.Generator) -> torch.Tensor:
    """Gumbel noise, from the CPU's generator: the same on every device."""
    uniform = torch.rand(size, generator=generator, dtype=torch.float64).clamp_min(1e-300)
    return -torch.log(-torch.log(uniform)).float()


def _nucleus(scores: torch.Tensor, top_p: float) -> torch.Tensor:
    """Without the tokens that come after the most probable ones have reached `top_p`. Source: arXiv 1904.09751."""
    ordered, places = scores.sort(descending=True)
    share = ordered.softmax(-1)
    outside = share.cumsum(-1) - share >= top_p
    outside[0] = False
    return scores.masked_fill(outside[places.argsort()], -torch.inf)
