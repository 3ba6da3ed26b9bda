"""Web pages, read into the posts they show.

`read.py` is the way in. In the confined process `embedded.py` finds the descriptions that pages
carry for machines, `schema_org.py` finds the posts in them, and `selected.py` finds posts where
the configuration says they are. All give the items of `item.py`.
"""
