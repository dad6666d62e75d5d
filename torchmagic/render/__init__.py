"""From records to text, HTML and SVG; never touches torch or IPython."""
