predicted = {
    "by_value": True,
    "by_where": True,
    "fixed_loop": False,
    "until_small": False,
    "divisions": 3,
    "notes": 1,
}
