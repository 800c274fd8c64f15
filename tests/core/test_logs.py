import io
import logging
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.front import request_id
from jobyard.logs import MOST_WAITING, LineWriter, ReadableLines, logging_to, masked
from jobyard.secret import Secret

LOG = logging.getLogger("jobyard.test")
ACCESS = logging.getLogger("jobyard.access")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def fail() -> NoReturn:
    raise ValueError("password=hunter2")


@contextmanager
def identified(identity: str) -> Iterator[None]:
    token = request_id.set(identity)
    try:
        yield
    finally:
        request_id.reset(token)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_logger_event_and_the_requests_id() -> None:
    stream = io.StringIO()
    with logging_to(stream), identified("abc-1"):
        LOG.warning("%s is %d", "it", 3)

    (line,) = lines(stream)
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "jobyard.test",
        "event": "it is 3",
        "request_id": "abc-1",
    }


def test_outside_of_a_request_there_is_no_id() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        LOG.info("x")

    assert "request_id" not in lines(stream)[0]


def test_the_fields_of_access_lines_are_kept() -> None:
    fields: dict[str, object] = {"method": "GET", "path": "/x", "status": 200, "seconds": 0.25}
    stream = io.StringIO()
    with logging_to(stream):
        ACCESS.info("GET /x 200", extra=fields)

    (line,) = lines(stream)
    assert {name: line[name] for name in fields} == fields


def test_lines_keep_their_order_whatever_their_level() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        for number in range(500):
            LOG.log(logging.ERROR if number % 7 == 0 else logging.INFO, "%d", number)

    assert [line["event"] for line in lines(stream)] == [str(number) for number in range(500)]


def test_a_trace_is_in_the_log_with_its_secrets_masked() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        try:
            fail()
        except ValueError:
            LOG.exception("it failed")

    (line,) = lines(stream)
    assert "Traceback" in str(line["exception"])
    assert "ValueError: password=********" in str(line["exception"])
    assert "hunter2" not in stream.getvalue()


def test_fields_that_json_lacks_are_shown_as_texts() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        LOG.info("x", extra={"one": Secret("hunter2"), "two": {1: ValueError("token=hunter2")}})

    (line,) = lines(stream)
    assert line["one"] == "********"
    assert line["two"] == {"1": "token=********"}


def test_a_field_whose_name_says_secret_is_masked() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        LOG.info("x", extra={"password": "hunter2", "path": "/webhdfs/v1/x?delegation=hunter2"})

    assert "hunter2" not in stream.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.def-g", "Authorization: Bearer ********"),
        ("bearer abcdef", "bearer ********"),
        ("/x?token=abc&op=OPEN", "/x?token=********&op=OPEN"),
        ("/x?op=OPEN&delegation=abc", "/x?op=OPEN&delegation=********"),
        ("password=abc, next", "password=********, next"),
        ("{'password': 'a b'}", "{'password': ********}"),
        ('{"bind-password":"a b"}', '{"bind-password":********}'),
        ("jwt-secret: abc", "jwt-secret: ********"),
        ("postgresql://u:p@db/x", "postgresql://u:********@db/x"),
        ("eyJhbGciOi.eyJzdWIi.c2ln", "********"),
        ("GET /api/v1/jobs 200", "GET /api/v1/jobs 200"),
        ("a token was issued", "a token was issued"),
        ("https://example.org/a@b", "https://example.org/a@b"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text: str, expected: str) -> None:
    assert expected == masked(text)


@given(
    st.sampled_from(["token=", "delegation=", "password=", "Bearer ", "my_password: "]),
    st.text(alphabet="abcdefABCDEF0123456789._-", min_size=8, max_size=60),
    st.text(alphabet="xyz /?&\n", max_size=20),
)
def test_a_secret_is_masked_wherever_it_stands(mark: str, secret: str, around: str) -> None:
    assert secret not in masked(f"{around} {mark}{secret} {around}")


@given(st.text(max_size=200))
def test_any_text_can_be_masked(text: str) -> None:
    assert isinstance(masked(text), str)


def test_libraries_warn_and_do_not_chat() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        for name in ("uvicorn.error", "sqlalchemy.engine", "alembic.runtime.migration"):
            logging.getLogger(name).info("chat")
            logging.getLogger(name).warning("warning")
        logging.getLogger("a_plugin").info("a word")

    assert [line["event"] for line in lines(stream)] == ["warning"] * 3 + ["a word"]


def test_warnings_of_python_are_in_the_log() -> None:
    stream = io.StringIO()
    with logging_to(stream), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)

    assert lines(stream)[0]["logger"] == "py.warnings"


def test_afterwards_logging_is_as_it_was() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("jobyard").level
    with logging_to(io.StringIO()):
        assert len(root.handlers) == 1

    assert before == (root.handlers, root.level, logging.getLogger("jobyard").level)


def test_on_a_terminal_lines_are_readable() -> None:
    stream = Terminal()
    with logging_to(stream), identified("abc-1"):
        ACCESS.info("GET /x 200", extra={"method": "GET", "path": "/x", "seconds": 0.25})
        try:
            fail()
        except ValueError:
            LOG.exception("first\nsecond")

    text = stream.getvalue()
    assert "jobyard.access: GET /x 200 seconds=0.25 request=abc-1\n" in text
    assert "jobyard.test: first\n  second request=abc-1\nTraceback" in text
    assert "\033[31merror" in text
    assert "hunter2" not in text


def test_without_colours_there_are_no_escapes() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "y", None, None)

    assert "\033" not in ReadableLines(colours=False).format(record)


class Stuck(io.StringIO):
    """Be a pipe that nobody reads for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.entered.set()
        self.released.wait(30)
        return super().write(text)


def test_a_reader_that_does_not_read_holds_nobody_and_memory_is_bounded() -> None:
    stream = Stuck()
    writer = LineWriter(stream)
    record = logging.LogRecord("x", logging.WARNING, "", 0, "first", None, None)
    writer.emit(record)
    assert stream.entered.wait(30)

    for number in range(MOST_WAITING + 10):
        writer.emit(logging.LogRecord("x", logging.INFO, "", 0, str(number), None, None))
    stream.released.set()
    writer.close()

    written = stream.getvalue().splitlines()
    assert len(written) == MOST_WAITING + 1
    assert (written[0], written[-1]) == ("first", str(MOST_WAITING + 9))


class Gone(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_is_gone_is_not_missed() -> None:
    with logging_to(Gone()):
        LOG.error("nobody hears this")


def test_a_warning_does_not_wait_for_the_end() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        LOG.warning("now")
        end = time.monotonic() + 30
        while not stream.getvalue() and time.monotonic() < end:
            threading.Event().wait(0.005)

        assert "now" in stream.getvalue()


def test_a_line_that_cannot_be_made_does_not_fail_whoever_logs() -> None:
    script = (
        "import logging, sys\nfrom jobyard.logs import logging_to\n"
        "with logging_to(sys.stderr):\n"
        "    logging.getLogger('jobyard').info('%d', 'x')\n"
        "    logging.getLogger('jobyard').info('on')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0
    assert '"event":"on"' in done.stderr
