from IPython.display import HTML, display

while True:
    display(HTML("<b>" * 1000), display_id="one")
