"""The access line is an event like any other, made faster."""

from __future__ import annotations

import logging

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobyard.access import AccessRecord
from jobyard.logs import JsonLines


@settings(deadline=None, max_examples=60)
@given(path=st.text(st.characters(exclude_categories=["Cs"])), status=st.integers(100, 599))
@example(path="/webhdfs/v1/x?delegation=abc", status=200)
@example(path="/x/Bearer abcdef", status=200)
def test_it_reads_as_if_it_were_made_the_usual_way(path: str, status: int) -> None:
    record = AccessRecord("GET", path, status, 0.1234567)
    usual = logging.makeLogRecord(vars(record))

    assert JsonLines().format(record) == JsonLines().format(usual)


def test_it_has_all_that_a_formatter_may_ask_for() -> None:
    usual = logging.LogRecord("x", logging.INFO, "", 0, "", None, None)
    record = AccessRecord("GET", "/x", 200, 0.1)

    assert vars(usual).keys() <= vars(record).keys()
    assert record.getMessage() == "GET /x 200"
    assert abs(record.created % 1 - record.msecs / 1000) < 0.002
