from IPython.display import display

print(14.0)
display(14.0)
score = points = 14.0
rubric = lambda points: 14.0
14.0
