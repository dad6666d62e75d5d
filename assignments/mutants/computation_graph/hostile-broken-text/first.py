from IPython.display import display

nested = []
for _ in range(40):
    nested = [nested]
print("\ud800 \x00 \x1b[31m")
display({"application/json": {"a\udfff": "\udfff", "b": float("nan"), "c": nested}, "text/plain": "\udc80"}, raw=True)
