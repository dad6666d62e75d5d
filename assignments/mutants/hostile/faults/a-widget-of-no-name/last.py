from IPython.display import display

display({"application/vnd.jupyter.widget-view+json": {"model_id": ["a"]}, "text/plain": "widget"}, raw=True)
