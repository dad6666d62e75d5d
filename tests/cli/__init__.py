"""The front door: installing, the command line, the demo."""
