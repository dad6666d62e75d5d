open('@OUTSIDE@/without-walls', 'w')
