"""The seams: what a backend must do, and what it gets to do it with.

Stable for plugin authors. One module a seam (:mod:`~jobyard.seams.auth`,
:mod:`~jobyard.seams.scheduling`, :mod:`~jobyard.seams.storage`,
:mod:`~jobyard.seams.observer`), :mod:`~jobyard.seams.provider` for how one is announced, and
:mod:`~jobyard.seams.context` for what every backend is given.
"""
