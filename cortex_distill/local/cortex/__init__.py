"""Cortex functions: calls in a statement, models and their lifecycle, fine-tuning, usage."""
