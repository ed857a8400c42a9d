"""All other prompts: a short e-mail or text message where one is asked for, else small talk."""

import re
from collections.abc import Sequence
from typing import Any

from cortex_distill.local.providers.simulated.chance import share
from cortex_distill.local.providers.simulated.fate import Fate, pick
from cortex_distill.local.providers.simulated.reading import Prompt
from cortex_distill.local.providers.simulated.structured import Filler

_NAME = re.compile(r"\b(?i:customer name|name)\s*[:=]\s*([^\W\d_][\w'’.-]*(?: [A-ZÀ-Þ][\w'’.-]*)?)")
_TEXT = re.compile(r"(?:preference|channel|via|by|through|as)\W{0,3}\s*(?:a |an )?(?:text|sms|whatsapp)", re.I)
_WRITE = re.compile(
    r"\b(?:write|draft|compose|send|answer|reply)\b[^.\n]{0,60}\b(?:e-?mail|text|message|sms|letter|reply|response)",
    re.I,
)
_TO_CUSTOMER = re.compile(
    r"\bwrite\s+(?:an?|the|one)\s+(?:[\w-]+\s){0,3}(?:e-?mail|text|sms|message|reply)\b[^.\n]{0,80}\bcustomer\b", re.I
)
_ABOUT = re.compile(
    r"\b(?:promoting|about|regarding|announcing|offering|to thank|apologi[sz]ing for)\s+([^.\n]{3,120})", re.I
)
_SMALL = (
    "I am happy to help. Could you tell me a little more?",
    "Thank you for your message. What exactly would you like to know?",
    "That is a good question, and the answer depends on the details.", "Certainly! Please share some context first.",
)  # fmt: skip


def writes_to_customer(frame: str) -> bool:
    """Whether a prompt orders one message to a customer, whatever lists stand in it."""
    return bool(_TO_CUSTOMER.search(frame))


class Chat(Filler):
    """Says something short and friendly; mails and texts use what the prompt tells of the customer."""

    def __init__(self, prompt: Prompt, key: bytes, fate: Fate) -> None:
        self.prompt, self.key, self.fate = prompt, key, fate

    def text(self, name: str) -> str:
        if _WRITE.search(self.prompt.text):
            return self.fate.message(self.message())
        return str(pick(_SMALL, self.key, "small talk"))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return options[int(share(self.key, name) * len(options))]

    def flag(self, name: str) -> bool:
        return share(self.key, name) < 0.5

    def message(self) -> str:
        """A text in less than 25 words if the customer prefers texts, else an e-mail of at most 100."""
        text = self.prompt.text[-20_000:]
        found, about = _NAME.search(text), _ABOUT.search(text)
        name = found[1].strip() if found else "there"
        topic = " ".join((about[1] if about else "your request").split()[:12])
        if _TEXT.search(text):
            return f"Hi {name}, good news about {' '.join(topic.split()[:10])}. Reply YES to hear more."
        body = pick(("We have something for you:", "We thought of you:", "Here is our news:"), self.key, "body")
        return (
            f"Subject: {topic[:1].upper()}{topic[1:]}\n\nDear {name},\n\n{body} {topic}."
            " Just answer this e-mail and we will take care of the rest.\n\nKind regards,\nYour support team"
        )
