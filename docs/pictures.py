"""All pictures of leaderboard, report, comparison, A/B test and page in `docs/images/`, in one command.

    make up && make demo && .venv/bin/distill ab configs/support_tickets.yaml --sweep fine_tune.max_epochs=1,3,6
    .venv/bin/distill compare
    make app                                                                        # in another terminal
    .venv/bin/python docs/pictures.py http://127.0.0.1:4200 http://127.0.0.1:8501 [folder]

Addresses are those that `make up` and `make app` print. With a folder, every width, scheme and UI is taken, too. Look
at each picture afterwards. The two of the review form are cut by hand: a run has to wait for somebody (docs/review.md).
"""

from __future__ import annotations

import sys

import app_screenshots
import screenshots


def main(server: str, page: str, *folder: str) -> None:
    """Prefect's pictures, then the page's."""
    for script, address in ((screenshots, server), (app_screenshots, page)):
        sys.argv[1:] = [address, *folder]
        script.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
