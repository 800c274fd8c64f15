"""The storage backends that come with Jobyard."""
