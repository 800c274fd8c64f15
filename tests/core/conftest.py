from tests.core.plugins import install, registry

__all__ = ["install", "registry"]
