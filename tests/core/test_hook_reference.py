from __future__ import annotations

from jobyard import hookspecs
from jobyard.hook_reference import hook_reference, hooks


def test_every_function_of_the_hookspecs_is_a_hook_of_the_reference() -> None:
    names = [name for name in vars(hookspecs) if name.startswith("jobyard_")]

    assert [each.__name__ for each in hooks()] == names
    for name in names:
        assert f"### `{name}`\n" in hook_reference()


def test_a_hook_is_shown_with_its_signature_its_words_and_its_arguments_fields() -> None:
    reference = hook_reference()

    assert (
        "```python\nasync def jobyard_admit_job(request: Admission) -> Refusal | None\n```"
    ) in reference
    assert "an admission that cannot be decided is not open" in reference
    assert "`request` is `Admission`: `submitter: str`, `config: JobConfig`" in reference
    assert "``" not in reference.replace("```", "")
