"""How likely completions are, given their prompts: for choosing among replies, and what a training lowers."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from cortex_distill.local.providers.training.examples import Example


def log_likelihoods(model: Any, examples: Sequence[Example]) -> torch.Tensor:
    """log p of each completion after its prompt, in nats; one number a row, which can be differentiated.

    Rows are padded on the left, so that all completions end together and only their logits are computed.
    """
    device = model.device
    longest = max(len(prompt) + len(target) for prompt, target in examples)
    keep = max(len(target) for _, target in examples) + 1
    ids = torch.zeros((len(examples), longest), dtype=torch.long)
    there = torch.zeros_like(ids)
    wanted = torch.zeros((len(examples), keep - 1), dtype=torch.bool)
    for row, (prompt, target) in enumerate(examples):
        tokens = [*prompt, *target]
        ids[row, longest - len(tokens) :] = torch.tensor(tokens)
        there[row, longest - len(tokens) :] = 1
        wanted[row, keep - 1 - len(target) :] = True
    ids, there, wanted = ids.to(device), there.to(device), wanted.to(device)
    given = _given(model, {"position_ids": (there.cumsum(-1) - 1).clamp_min(0), "logits_to_keep": keep})
    logits = model(input_ids=ids, attention_mask=there, use_cache=False, **given).logits[:, -keep:]
    log_p = logits[:, :-1].float().log_softmax(-1)
    said = log_p.gather(-1, ids[:, 1 - keep :, None])[..., 0]
    return torch.where(wanted, said, 0.0).sum(-1)


def reply_likelihoods(model: Any, prompt: Sequence[int], replies: Sequence[Sequence[int]]) -> torch.Tensor:
    """log p of each reply after the one prompt, which is read once; every reply is read whole."""
    tokens = torch.tensor([prompt], device=model.device)
    read = model(input_ids=tokens, use_cache=True, **_given(model, {"logits_to_keep": 1}))
    first = read.logits[0, -1].float().log_softmax(-1)
    likelihood = torch.stack([first[reply[0]] for reply in replies])
    longest = max(map(len, replies)) - 1
    if longest == 0:
        return likelihood
    ids = torch.zeros((len(replies), longest + 1), dtype=torch.long)
    wanted = torch.zeros_like(ids)
    for row, reply in enumerate(replies):
        ids[row, : len(reply)] = torch.tensor(reply)
        wanted[row, 1 : len(reply)] = 1
    ids, wanted = ids.to(model.device), wanted.to(model.device)
    read.cache.batch_repeat_interleave(len(replies))
    places = torch.arange(len(prompt), len(prompt) + longest, device=model.device).expand(len(replies), -1)
    given = _given(model, {"position_ids": places})
    there = torch.ones((len(replies), len(prompt) + longest), dtype=torch.long, device=model.device)
    logits = model(input_ids=ids[:, :-1], attention_mask=there, cache=read.cache, **given).logits
    said = logits.float().log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    return likelihood + torch.where(wanted[:, 1:] == 1, said, 0.0).sum(-1)


def _given(model: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those arguments that the model's `forward` has; not all number their positions, for instance."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    taken = inspect.signature(base.forward).parameters
    return {name: value for name, value in arguments.items() if name in taken}
