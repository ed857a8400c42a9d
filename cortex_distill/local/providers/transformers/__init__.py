"""Any causal language model in a Hugging Face folder on this machine, through PyTorch; `FINETUNE` trains a LoRA."""

import os

# read when the libraries are imported, which happens behind this package: nothing is ever fetched, nothing reported
os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

from cortex_distill.local.providers.transformers.provider import TransformersProvider

__all__ = ["TransformersProvider"]
