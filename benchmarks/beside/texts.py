"""The prompts of every system, and what a workload ideally takes. Imports nothing, since peers load it, too.

W1 sorts rows into categories, one call a row. W3 writes a request for each row, rates it and sorts it: three calls.
"""

CATEGORIES = ("Roaming fees", "Slow data speed", "Lost phone", "Add new line", "Closing account")
CALLS_A_ROW = {"w1": 1, "w3": 3}
CONCURRENCY = 32
LATENCY = 0.05  # seconds that the stub takes for a reply

WRITE = "Write request {number} of a customer to a telecom provider. It is about: {category}. {answer_with}"
ANSWER_WITH = "Answer with a JSON object that has the keys scenario and request."
RATE = """Rate from 1 to 5 how realistic and how valid this request is, which should be about {category}.
Answer with a JSON object that has the keys realistic and valid.
request: {request}"""
STRICTER = "Be strict."  # how the judge's prompt begins after the change in second_runs.py
SORT = """Sort this request into one of the categories {categories}. Answer with the category only.
request: {request}"""
LISTED = ", ".join(CATEGORIES)


def category(number: int) -> str:
    """The category that a row is about."""
    return CATEGORIES[number % len(CATEGORIES)]


def given(number: int) -> str:
    """The request of a row of W1."""
    return (
        f"Customer {number} says: something about {category(number)} is wrong since day {number % 28 + 1}, please help."
    )


def write(number: int) -> str:
    """The prompt that asks for a request."""
    return WRITE.format(number=number, category=category(number), answer_with=ANSWER_WITH)


def rate(request: str, about: str, stricter: bool = False) -> str:
    """The prompt that asks for a rating."""
    prompt = RATE.format(category=about, request=request)
    return f"{STRICTER} {prompt}" if stricter else prompt


def sort(request: str) -> str:
    """The prompt that asks for a category."""
    return SORT.format(categories=LISTED, request=request)


def ideal(calls: int) -> float:
    """Seconds that these calls take if every place is always taken."""
    return calls * LATENCY / CONCURRENCY
