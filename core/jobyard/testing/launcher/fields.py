"""Read fields of a JSON object as the launcher does: defaults, coercion, bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from jobyard.testing.launcher.refusal import unreadable, violation

_MODEL = "com.microsoft.frameworklauncher.common.model"


@frozen
class Fields:
    """Be one object of a body, at a path such as ``taskRoles[worker].taskService``."""

    values: Mapping[str, object]
    path: str = ""

    def at(self, name: str) -> str:
        """Give the path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, text: str) -> Exception:
        """Make the refusal of a field."""
        return violation(self.at(name), text)

    def integer(
        self,
        name: str,
        default: int | None = None,
        *,
        least: int | None = None,
        most: int | None = None,
    ) -> int:
        """Read a number; without a default it may not be absent."""
        value = self.values.get(name, default)
        if value is None:
            raise self.refuse(name, "may not be null")
        number = self._number(value)
        if least is not None and number < least:
            raise self.refuse(name, f"must be greater than or equal to {least}")
        if most is not None and number > most:
            raise self.refuse(name, f"must be less than or equal to {most}")
        return number

    def optional_integer(self, name: str, default: int | None) -> int | None:
        """Read a number that may be ``null``."""
        value = self.values.get(name, default)
        return None if value is None else self._number(value)

    def _number(self, value: object) -> int:
        if isinstance(value, bool | int | float):
            return int(value)
        try:
            return int(str(value))
        except ValueError:
            text = f"Can not construct instance of java.lang.Integer from String value '{value}'"
            raise unreadable("InvalidFormatException", text) from None

    def text(self, name: str, default: str | None = None) -> str:
        """Read a text; without a default it may not be absent or ``null``."""
        value = self.values.get(name, default)
        if value is None:
            raise self.refuse(name, "may not be null")
        return str(value)

    def full_text(self, name: str) -> str:
        """Read a text that may not be empty."""
        value = self.values.get(name)
        if value is None or value == "":
            raise self.refuse(name, "may not be empty")
        return str(value)

    def optional_text(self, name: str) -> str | None:
        """Read a text that may be ``null``."""
        value = self.values.get(name)
        return None if value is None else str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a truth value."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() == "true"

    def choice(self, name: str, default: str, choices: Sequence[str], kind: str) -> str:
        """Read one of some words; ``kind`` is the name of the launcher's type."""
        value = self.values.get(name)
        if value is None:
            return default
        if value not in choices:
            raise unreadable(
                "InvalidFormatException",
                f"Can not construct instance of {_MODEL}.{kind} from String value '{value}': "
                f"value not one of declared Enum instance names: [{', '.join(choices)}]",
            )
        return str(value)

    def object(self, name: str, *, required: bool = False) -> Fields:
        """Read an object; an absent one is empty."""
        value = self.values.get(name)
        if value is None and required:
            raise self.refuse(name, "may not be null")
        return Fields(as_object(value, name), self.at(name))

    def members(self, name: str) -> dict[str, Fields]:
        """Read an object of objects, each at ``name[key]``."""
        values = as_object(self.values.get(name), name)
        return {
            key: Fields(as_object(value, key), f"{self.at(name)}[{key}]")
            for key, value in values.items()
        }

    def texts(self, name: str) -> list[str]:
        """Read a list of texts that may not be empty."""
        value = self.values.get(name)
        if not isinstance(value, list) or not value:
            raise self.refuse(name, "may not be empty")
        return [str(each) for each in value]


def as_object(value: object, kind: str) -> Mapping[str, object]:
    """Refuse what is no object; ``None`` is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        token = "START_ARRAY" if isinstance(value, list) else "VALUE_STRING"
        text = f"Can not deserialize instance of {_MODEL}.{kind} out of {token} token"
        raise unreadable("JsonMappingException", text)
    return value
