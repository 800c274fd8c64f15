from jobyard.config.choice import Choice
from jobyard.config.document import compose


def test_a_choice_does_not_show_its_settings() -> None:
    choice = Choice("ldap", compose("f", b"bind-password: hunter2"))

    assert "ldap" in repr(choice)
    assert "hunter2" not in repr(choice)
