from IPython.display import display

nested = []
for _ in range(450):
    nested = [nested]
display({"application/json": {"nested": nested}, "text/plain": "nested"}, metadata={"nested": nested}, raw=True)
