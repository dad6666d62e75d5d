"""From live torch objects to records."""
