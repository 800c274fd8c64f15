"""The backends that come with Jobyard."""
