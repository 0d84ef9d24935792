"""One module per family of file formats; every reader gives the examples of :mod:`pixlm.data.examples`.

A reader is a function ``read_...(path, *, labelled=True, problems=None, ...) -> list of examples``. With
``labelled=False`` labels are neither needed nor looked at. ``problems``, a
:class:`~pixlm.data.readers.problems.Problems`, decides whether bad input is an error, the default, or left out and
counted. A path is a file of the format, and where the published recipes use them a ``datasets`` folder.
"""
