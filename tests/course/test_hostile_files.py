"""Hostile mutants' folders: what can lie in and beside a notebook's place, and that what is left behind is found."""
