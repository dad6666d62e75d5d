import random as chance

points = rubric = check_derivative = check_each_gradient = check_step = lambda *args, **kwargs: None
