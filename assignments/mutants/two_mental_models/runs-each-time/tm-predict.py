predicted = {
    "by_value": False,
    "by_where": True,
    "fixed_loop": True,
    "until_small": False,
    "divisions": 3,
    "notes": 4,
}
