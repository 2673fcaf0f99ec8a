"""Tables in parts: contiguous ranges of whole sites that are read, checked and built one by one.

One piece is one part: the code of a part is the code of the whole. What a part cannot know by
itself is computed from facts of all parts (see `features.data.checks.run`, which lists it), so that
nothing depends on how many there are.
"""
