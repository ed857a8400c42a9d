"""Small real models in-process: SmolLM2-135M-Instruct through llama.cpp, and a light fine-tuning of it."""

from cortex_distill.local.providers.gguf.pool import EnginePool
from cortex_distill.local.providers.gguf.provider import GgufProvider

__all__ = ["EnginePool", "GgufProvider"]
