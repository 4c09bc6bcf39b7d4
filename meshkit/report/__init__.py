"""HTML pages that need nothing else: one frame, one style, templates that escape what they show.

Read `page` first, which fills a template; `parts.html` holds what pages are made of, `charts`
computes where the lines and dots of a chart lie, `pictures` makes images that a page holds itself.
"""
