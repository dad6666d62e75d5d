"""Grade untrusted submissions: a walled-off student process, a judge process, and data between them."""
