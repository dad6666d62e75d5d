import step

W_new = 4.6
