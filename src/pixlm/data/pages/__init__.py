"""Document pages: where they come from, how their images are read and prepared, and the encoders that models see them
through.

The way of a page: :class:`~pixlm.data.pages.example.PageExample` (a reader's) -> its image, opened and checked by
:mod:`pixlm.data.pages.images` -> :class:`~pixlm.data.pages.example.PageSample` (one visit: image, prompt, target) -> a
:class:`~pixlm.data.pages.encoders.PageEncoder` -> a batch.
"""
