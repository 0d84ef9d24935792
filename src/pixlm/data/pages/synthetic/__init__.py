"""Pages that are made up: text set on a page by our renderer, with everything that is known about it.

The way of a page: a :class:`~pixlm.data.pages.synthetic.texts.Text` -> a kind of page
(:mod:`~pixlm.data.pages.synthetic.kinds`) that sets it on a :class:`~pixlm.data.pages.synthetic.sheet.Sheet` -> wear
and tear (:mod:`~pixlm.data.pages.synthetic.wear`) -> an image with its annotation, as readers of documents take it -> a
shard (:mod:`~pixlm.data.pages.synthetic.writing`). Every page is a function of the settings, the seed, its split and
its number.
"""
