mended = None
program = 'mended'
