"""The notebook: magics, live display, renderers and widgets."""
