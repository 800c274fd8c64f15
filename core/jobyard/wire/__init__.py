"""The wire: what requests and answers look like, and how one becomes the other's values.

A class of :mod:`jobyard.wire.requests` says once what a request holds; from it come validation,
coercion of forms, and the OpenAPI document.
"""
