text = "@LONG@"
