"""Everybody's server: kernels are reached by sockets in a private folder.

By TCP, the default, each user of the machine could listen to what every kernel prints.
"""

c = get_config()  # noqa: F821

c.KernelManager.transport = "ipc"
