"""The routes of the contract: each module turns requests into calls of services."""
