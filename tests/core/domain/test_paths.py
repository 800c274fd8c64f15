"""What the paths of a job stand for, and where they lie."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from jobyard.domain.job import JobConfig, TaskRole
from jobyard.domain.paths import expand, final_paths, storage_path

FS = "hdfs://cluster"
CONFIG = JobConfig(name="fit", image="none", task_roles=(TaskRole("main", "true"),))

texts = st.text("a/.~$%\0 é", max_size=20)
roots = st.sampled_from([FS, f"{FS}/", "http://gateway/webhdfs/v1", "", "/"])


@given(uri=texts, fs_uri=roots, under=st.booleans())
def test_a_path_never_leads_above_the_root(uri: str, fs_uri: str, under: bool) -> None:
    path = storage_path(f"{fs_uri}{uri}" if under else uri, fs_uri)

    if path is not None:
        segments = path.split("/")
        assert segments[0] == ""
        assert not {".", ".."} & set(segments)
        assert "" not in segments[1:] or path == "/"
        assert "\0" not in path


@given(uri=texts, fs_uri=roots)
def test_a_path_is_its_own_path(uri: str, fs_uri: str) -> None:
    path = storage_path(uri, fs_uri)

    if path is not None:
        assert storage_path(path, fs_uri) == path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (f"{FS}/a/b", "/a/b"),
        (f"{FS}/a//b/./c/", "/a/b/c"),
        (f"{FS}/../../etc/passwd", "/etc/passwd"),
        (FS, "/"),
        (f"{FS}/", "/"),
        ("/a/../../b", "/b"),
        ("//a", "/a"),
        ("/Xa", "/Xa"),
        (f"{FS}other/a", None),
        ("s3://bucket/a", None),
        ("a/b", None),
        ("", None),
        ("/a\0b", None),
    ],
)
def test_an_address_is_a_path_exactly_where_it_lies_in_the_storage(
    uri: str, path: str | None
) -> None:
    assert storage_path(uri, FS) == path


def test_a_slash_behind_the_address_of_the_storage_means_nothing() -> None:
    assert storage_path("hdfs://boX/a", "hdfs://boX/") == "/a"
    assert storage_path("hdfs://boX/a", "hdfs://boX") == "/a"


def test_variables_are_replaced_once_and_no_other_is() -> None:
    text = "$PAI_DEFAULT_FS_URI/$PAI_USER_NAME/$PAI_USERNAME/$PAI_JOB_NAME/$PAI_OTHER$"

    shown = expand(text, fs_uri=FS, job="$PAI_USER_NAME", user="alice")

    assert shown == f"{FS}/alice/alice/$PAI_USER_NAME/$PAI_OTHER$"


@given(text=st.text().filter(lambda text: "$PAI_" not in text))
def test_a_text_without_variables_stays_as_it_is(text: str) -> None:
    assert expand(text, fs_uri=FS, job="fit", user="alice") == text


def test_a_job_without_an_output_folder_has_the_contracts() -> None:
    final = final_paths(CONFIG, fs_uri=FS, username="alice")

    assert final.output_dir == f"{FS}/Output/alice/fit"
    assert (final.data_dir, final.code_dir, final.auth_file) == ("", "", "")


def test_all_four_paths_of_a_job_are_made_final() -> None:
    variable = "$PAI_DEFAULT_FS_URI/$PAI_JOB_NAME"
    config = evolve(
        CONFIG, auth_file=variable, data_dir=variable, output_dir=variable, code_dir=variable
    )

    final = final_paths(config, fs_uri=FS, username="alice")

    paths = (final.auth_file, final.data_dir, final.output_dir, final.code_dir)
    assert paths == (f"{FS}/fit",) * 4
