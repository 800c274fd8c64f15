"""What the start script does on a node and bash cannot.

These files are a program of their own that the script brings along: they import nothing but each other
and the standard library, and run from Python 3.7 on. It is started as ``-m node DEED [ARGUMENT ...]``
in a folder with ``spec.json``, which holds what has to be secret. Its exit code is the script's,
where it is not 0.
"""
