from IPython.display import display

odd = {
    "image/png": "this is no picture", "image/svg+xml": "<svg", "text/latex": "$$" * 500, "text/markdown": "[" * 500,
    "application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "application/json": None, "text/html": "<b" * 500, "": "nothing",
    "application/javascript": "}", "image/jpeg": "", "application/vnd.plotly.v1+json": 5, "text/plain": "\x1b[" * 500 + "31;1;4m",
}
display(odd, raw=True, metadata={"image/png": {"width": "wide"}, "isolated": "maybe"})
for kind, value in odd.items():
    display({kind: value}, raw=True)
