"""The provider `openai`: a server that speaks OpenAI's chat API, such as Ollama, vLLM, llama.cpp's or a hosted one."""

from cortex_distill.local.providers.openai.provider import OpenAiProvider

__all__ = ["OpenAiProvider"]
