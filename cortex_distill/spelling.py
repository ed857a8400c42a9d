"""What somebody may have meant by a word that is not known."""

from collections.abc import Collection
from difflib import get_close_matches


def suggestion(word: str, known: Collection[str]) -> str:
    """`did you mean 'x'?`, or what is known where nothing is near (at most 20 names)."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(known)[:20]) or 'none'}"
