"""Figures, each with its goal, against a peer or a limit measured in the same run: `python -m bench`."""
