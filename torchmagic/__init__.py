"""See PyTorch while you learn it: the magics, the records behind them, and their pictures."""

__version__ = "0.1.0"
