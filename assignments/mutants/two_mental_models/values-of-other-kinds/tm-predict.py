predicted = dict.fromkeys(["by_value", "by_where", "fixed_loop", "until_small", "divisions", "notes"], "yes")
