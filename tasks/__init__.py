"""The steps of an experiment, one file each, in the order of `flows/distill.py`."""
