"""The fast way to an image: texts put together from what was drawn for their words before.

What comes out is, byte for byte, what the plain way (`strategies`, `drawing`) draws. It is taken where that is certain
from the words alone, and what is kept for a word does not depend on which texts were seen before:

* `words`: what a word tells about the line it stands in: script, direction, font; and whether it can be drawn apart;
* `strips`: the strategy ``continuous``: words as strips of pixel columns;
* `patches`: strategies of cells: words as rows of numbers in a table of patches;
* `store`: the caches in files.

Everything else goes the plain way: texts that do not fit, offset mappings, windows, lines of several fonts or
directions, characters without a font.
"""
