shell = get_ipython()
shell.history_manager = None
shell.events.callbacks.clear()
shell.displayhook.session = None
shell.ask_exit()
shell.reset()
