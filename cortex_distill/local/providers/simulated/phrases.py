"""The small change of a ticket: how it opens, what it adds, what it asks; by channel and tone."""

import re
from collections.abc import Sequence

OPENINGS = {
    "phone": (
        "Hi, thanks for taking my call.",
        "Hello, I have a problem:",
        "Good morning,",
        "Yes, hello,",
        "Hi there,",
    ),
    "email": ("Dear support team,", "Hello,", "To whom it may concern,", "Good afternoon,", "Good evening,"),
    "chat": ("hi,", "hey,", "hello?", "quick question:", "ok so"),
    "": ("Hello,", "Hi,", "Listen,", "So", "Good day,", "Well,"),
}
TONES = {
    "upset": (
        "This is unacceptable!",
        "I am really annoyed.",
        "I expect better than this.",
        "Honestly, I have had enough.",
    ),
    "hurried": ("I need this settled today.", "Please be quick.", "It is urgent.", "I have only five minutes."),
    "calm": ("There is no rush.", "I would be grateful for your advice.", "Take your time.", "Thank you in advance."),
    "confused": ("I do not understand it.", "Perhaps I did something wrong?", "I am a bit lost here."),
    "formal": ("I look forward to your reply.", "Kindly advise.", "I appreciate your assistance."),
}
DETAILS = (
    "It has been like that since {day}.",
    "This happened {times}.",
    "I noticed it on {day}.",
    "My reference is {number}.",
    "It is about {amount}.",
    "I already called you {times}.",
    "A colleague of yours promised to look into it on {day}.",
    "I have been a customer for {years} years.",
    "",
    "",
    "",
)
ASKS = (
    "What can you do about it?",
    "Can you help me?",
    "How does this work?",
    "Please sort it out.",
    "What do I have to do?",
    "Could you check, please?",
    "Can you explain that to me?",
    "What are my options?",
    "Please call me back.",
    "Is that right?",
)
THIN = (
    "Help please.",
    "{about}.",
    "Question about {about}",
    "It does not work",
    "hello, {about}?",
    "{about} {about}",
    "Hi",
)
STRAY = (
    "I only wanted to say that your hold music is lovely.",
    "Do you know a good recipe for soup?",
    "Who won the match last night?",
    "Are you hiring at the moment?",
    "What is the weather like at your place?",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Sunday", "Saturday", "last night")
TIMES = ("twice", "three times", "again and again", "for the second time", "every single day")
_ASKING = re.compile(
    r"(?:how|what|when|where|why|which|who|can|could|do|does|is|are|should|would|may|must|did)\b", re.I
)
_TONE_WORDS = {
    "upset": r"frustrat|angry|annoy|upset|furious|irritat|impatien|dissatisf",
    "hurried": r"hurry|hurried|urgent|rush|stress|in a hurry|time pressure",
    "calm": r"calm|polite|friendly|relaxed|patient|neutral|cheerful",
    "confused": r"confus|unsure|uncertain|lost and|elderly|beginner|puzzled",
    "formal": r"formal|business|profession",
}
_CHANNEL_WORDS = {
    "phone": r"phone call|by phone|\bcalls?\b|telephone|voice",
    "email": r"e-?mail|letter|written",
    "chat": r"chat|sms|text message|messenger|whatsapp",
}


def tone_of(text: str) -> str:
    """Which key of TONES a prompt asks for; empty if it asks for none."""
    return _first(_TONE_WORDS, text)


def channel_of(text: str) -> str:
    """Which key of OPENINGS a prompt asks for."""
    return _first(_CHANNEL_WORDS, text)


def _first(kinds: dict[str, str], text: str) -> str:
    hits = ((found.start(), kind) for kind, pattern in kinds.items() if (found := re.search(pattern, text, re.I)))
    return min(hits, default=(0, ""))[1]


def sentence(parts: Sequence[str]) -> str:
    """Join clauses into text with capitals and full stops."""
    said = [part.strip() for part in parts if part.strip()]
    closed = [part if part[-1] in ".?!,:" else part + ("?" if _ASKING.match(part) else ".") for part in said]
    starts = [True, *(part[-1] in ".?!" for part in closed)]
    return " ".join(part[0].upper() + part[1:] if new else part for part, new in zip(closed, starts, strict=False))
