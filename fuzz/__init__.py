"""Fuzzing of what the judge reads from an untrusted process: `make fuzz`."""
