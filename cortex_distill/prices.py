"""What a million tokens cost, in credits: a dated estimate, because the price list is a PDF and changes.

Figures as public repositories copied them from Snowflake's Service Consumption Table in 2024 and later
(input and output tokens cost the same there). An account's bill is right where the two differ.
"""

PRICES_OF = "2024, copied by third parties"
CREDITS_PER_MILLION_TOKENS = {
    "llama3.1-405b": 3.00,
    "llama3.1-70b": 1.21,
    "llama3.3-70b": 1.21,
    "llama3-70b": 1.21,
    "llama3.1-8b": 0.19,
    "llama3-8b": 0.19,
    "mistral-large": 5.10,
    "mistral-7b": 0.12,
    "mixtral-8x7b": 0.22,
}


def credits(model: str, served_by: str, tokens: int) -> float | None:
    """Estimated credits; None for a model without a price, and for whatever did not answer under its own name:
    a stand-in on this machine costs nothing, and its token counts are not Cortex's."""
    rate = CREDITS_PER_MILLION_TOKENS.get(model)
    return None if rate is None or served_by != model else tokens * rate / 1_000_000
