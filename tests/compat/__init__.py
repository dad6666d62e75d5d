"""nbgrader's own tests, as installed, with the plugin configured: nothing in nbgrader is changed."""
