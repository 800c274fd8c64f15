"""Frozen values and pure rules: what a job, a task and a virtual cluster are."""
