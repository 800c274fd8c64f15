"""The auth backends that come with Jobyard."""
