"""What draws itself in a notebook and can be clicked: the panel and its sections.

The only room that imports ipywidgets, anywidget and plotly, and nothing outside imports it before it is used:
`lab.panel()` does. What a widget shows is read from the lab each time; nothing is kept here that could differ
between two panels on one lab.
"""
