cost = look_up = mean_error = "mended"
