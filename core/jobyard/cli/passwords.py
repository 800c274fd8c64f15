"""Change a password where the users are kept, beside a gateway that may be running."""

from __future__ import annotations

from pathlib import Path

from jobyard.cli.beside import beside
from jobyard.config.loading import Chosen, Loaded
from jobyard.errors import ContractViolation, JobyardError
from jobyard.seams.auth import Authenticator, UserAdmin, UserChange
from jobyard.seams.provider import Capability
from jobyard.secret import Secret


async def change_password(loaded: Loaded, state_dir: Path, name: str, password: Secret) -> None:
    """Change a user's password at the first provider that manages users; their tokens end.

    Raises:
        JobyardError: No provider manages users, or this one does not know the user.
    """
    chosen = _manager(loaded)
    async with beside(loaded, state_dir) as near:
        context = await near.context(f"auth.{chosen.label}")
        async with chosen.provider.open(chosen.config, context) as backend:
            if not isinstance(backend, UserAdmin):
                message = f"auth.{chosen.label} says that it manages users, and does not"
                raise ContractViolation(chosen.label, message)
            await backend.change(name, UserChange(password=password))


def _manager(loaded: Loaded) -> Chosen[Authenticator]:
    for chosen in loaded.auth:
        if Capability.MANAGE_USERS in chosen.provider.capabilities:
            return chosen
    names = ", ".join(chosen.label for chosen in loaded.auth)
    message = f"None of the ways to log in ({names}) lets Jobyard change passwords."
    raise JobyardError(message)
