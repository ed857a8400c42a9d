"""docs/reference/local-toml.md: who answers on this machine, from the models that read local.toml."""

import ast
import inspect
from dataclasses import fields
from itertools import pairwise

from cortex_distill.local.providers import routes
from cortex_distill.local.providers.simulated.knobs import Knobs
from docs.reference_pages.keys import Key, keys_of, keys_table
from docs.reference_pages.markdown import code, fenced, note, prose, table

EXAMPLES = {
    "gguf": """[[models]]
name = "llama3.1-8b"
provider = "gguf"
file = "models/Qwen2.5-0.5B-Instruct-Q8_0.gguf"
""",
    "openai": """[[models]]
name = "llama3.3-70b"
provider = "openai"
base_url = "http://127.0.0.1:11434/v1"
model = "qwen2.5:14b"
concurrency = 4
""",
    "transformers": """[[models]]
name = "llama3.1-8b"
provider = "transformers"
folder = "models/Qwen2.5-0.5B-Instruct"
""",
    "simulated": """[[models]]
name = "*"
provider = "simulated"
knobs = "broken_json=0.2,latency_ms=5"
""",
}

HEAD = """# local.toml

On the local engine this file says who answers to the names that an experiment file uses. It lies in the working
directory; `DISTILL_MODELS` names another one. Without it SmolLM2-135M-Instruct answers to every name. The first table
`[[models]]` whose name fits is taken. Paths start beside the file. Unknown keys are refused. Who answers, and how fast:

    distill models configs/support_tickets.yaml

The key of a server never stands in the file: `api_key_env` names the variable that holds it.
"""


def page() -> str:
    """The whole page."""
    kinds: list[type[routes.Route]] = [routes.ByGguf, routes.ByEndpoint, routes.ByTransformers, routes.Simulated]
    return "\n".join(
        [
            note("cortex_distill/local/providers/routes.py and simulated/knobs.py"),
            HEAD,
            *(_section(kind) for kind in kinds),
            "## Knobs of simulated models\n",
            f"{prose(Knobs.__doc__ or '')} Shares are from 0 to 1, and decided by the call: the same call always"
            " misbehaves alike.\n",
            table(("knob", "default", "meaning"), _knobs()),
            "## \\[gguf\\]\n",
            f"{prose(routes.Memory.__doc__ or '')}\n",
            keys_table(list(keys_of(routes.Memory))),
            fenced("[gguf]\nmemory_gb = 8.0", "toml"),
        ]
    )


def _section(kind: type[routes.Route]) -> str:
    """One provider; its name is a key like the others, with one value."""
    (provider,) = kind.model_fields["provider"].annotation.__args__  # type: ignore[union-attr]
    keys = [key if key.path != "provider" else _chosen(provider) for key in keys_of(kind)]
    parts = [f'## provider = "{provider}"\n', f"{prose(kind.__doc__ or '')}\n", keys_table(keys)]
    return "\n".join([*parts, fenced(EXAMPLES[provider], "toml")])


def _chosen(provider: str) -> Key:
    return Key("provider", code(provider), "**required**", "who answers")


def _knobs() -> list[tuple[str, str, str]]:
    """The sentence under each field, which Python itself forgets."""
    (body,) = [node.body for node in ast.parse(inspect.getsource(Knobs)).body if isinstance(node, ast.ClassDef)]
    said = {
        line.target.id: ast.literal_eval(text.value)
        for line, text in pairwise(body)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and isinstance(text, ast.Expr)
    }
    return [
        (code(knob.name), "none" if knob.default is None else f"`{knob.default:g}`", prose(said[knob.name]))
        for knob in fields(Knobs)
    ]
