"""What people look at: folders of samples, tables of metrics, one HTML page about a run.

Read `page` for the whole; `html` is what escapes, `pictures` draws faces without a background,
`page.html` and `page.css` are the page's frame and its looks.
"""
