"""docs/reference/README.md: what the other pages are."""

from docs.reference_pages.markdown import note, table

PAGES = (
    ("[The experiment file](yaml.md)", "every key of a file in `configs/`, and what its templates know"),
    ("[The command line](command-line.md)", "commands, options, exit codes, environment variables, make"),
    ("[The tables](tables.md)", "what a run writes, column by column"),
    ("[local.toml](local-toml.md)", "who answers on this machine"),
    ("[Errors](../errors.md)", "mistakes, and what is said of them"),
)


def page() -> str:
    """The whole page."""
    return (
        f"{note('docs/reference_pages/')}\n# Reference\n\n"
        "Written from the code by `make reference`; a test fails where a page is not what the code says. The messages"
        " in [errors](../errors.md) are printed by the commands above them, and compared by a test of their own.\n\n"
        f"{table(('page', 'what it has'), PAGES)}"
    )
