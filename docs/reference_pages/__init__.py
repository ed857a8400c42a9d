"""The pages of docs/reference/ from what the code says of itself; `docs/reference.py` writes them."""
