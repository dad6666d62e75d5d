"""Journeys through the programs that people use: real servers, a real browser. `make e2e` runs them."""
