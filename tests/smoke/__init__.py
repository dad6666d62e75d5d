"""What a release must be able to do where nothing but its wheel, or its sdist, is installed."""
