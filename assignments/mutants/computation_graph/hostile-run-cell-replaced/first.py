shell = get_ipython()
shell.run_cell = shell.run_code = shell.run_ast_nodes = lambda *args, **kwargs: None
shell.showtraceback = lambda *args, **kwargs: None
