"""The scheduling backends that come with Jobyard."""
