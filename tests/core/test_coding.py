from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard import coding
from jobyard.coding import WORTH_IT, Coding, choice, coding_for, encoded, encoders
from tests.gateways import Gateway, running

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BOTH = (Coding.ZSTD, Coding.GZIP)
WEIGHTS = st.integers(0, 1000).map(lambda each: each / 1000)


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        ("gzip", Coding.GZIP),
        ("x-gzip", Coding.GZIP),
        ("GZIP ; Q=0.5", Coding.GZIP),
        ("zstd", Coding.ZSTD),
        ("gzip, deflate, br, zstd", Coding.ZSTD),
        ("gzip;q=1.0, zstd;q=0.9", Coding.GZIP),
        ("gzip;q=0.2, zstd;q=0.9", Coding.ZSTD),
        ("*", Coding.ZSTD),
        ("zstd;q=0, *", Coding.GZIP),
        ("*;q=0, gzip;q=0.1", Coding.GZIP),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.5", Coding.GZIP),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("*;q=0", None),
        ("identity;q=0", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip;q=much", None),
        ("gzip;q=2", None),
        ("gzip;q=nan", None),
        (", ,;,", None),
    ],
)
def test_the_coding_is_the_one_that_the_caller_likes_best(
    header: str, chosen: Coding | None
) -> None:
    assert choice(header, BOTH) is chosen


@given(zstd=WEIGHTS, gzip=WEIGHTS, identity=WEIGHTS)
def test_nothing_that_weighs_less_is_chosen(zstd: float, gzip: float, identity: float) -> None:
    header = f"identity;q={identity}, zstd;q={zstd}, gzip;q={gzip}"
    chosen = choice(header, BOTH)

    weights = {Coding.ZSTD: zstd, Coding.GZIP: gzip, None: identity}
    assert weights[chosen] == max(weights.values()) or max(zstd, gzip) == 0


@given(st.text())
def test_no_header_is_too_strange(header: str) -> None:
    assert choice(header, BOTH) in {*BOTH, None}


@pytest.mark.parametrize("header", ["gzip", "gzip" + ", br" * 200])
def test_small_bodies_and_silent_callers_get_no_coding(header: str) -> None:
    assert coding_for(header, WORTH_IT - 1) is None
    assert coding_for("", WORTH_IT) is None
    assert coding_for(header, WORTH_IT) is Coding.GZIP


@pytest.mark.parametrize("size", [100, 200_000])
async def test_what_is_encoded_is_the_body(size: int) -> None:
    body = b"jobyard " * (size // 8)

    assert gzip.decompress(await encoded(Coding.GZIP, body)) == body
    assert zstd.decompress(await encoded(Coding.ZSTD, body)) == body


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without the extra ``speedups``."""
    for name in ("backports.zstd", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    for name, package in [("backports", "zstd"), ("compression", "zstd")]:
        if name in sys.modules:
            monkeypatch.delattr(sys.modules[name], package, raising=False)
    encoders.cache_clear()
    yield
    encoders.cache_clear()


@pytest.mark.usefixtures("bare")
def test_an_installation_without_zstd_has_gzip() -> None:
    assert list(encoders()) == [Coding.GZIP]
    assert coding_for("zstd, gzip;q=0.1", WORTH_IT) is Coding.GZIP
    assert coding_for("zstd", WORTH_IT) is None


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    async with running(tmp_path_factory.mktemp("coding")) as gateway:
        yield gateway


async def test_each_form_of_an_answer_has_a_name_of_its_own(gateway: Gateway) -> None:
    forms = {
        header: await gateway.guest.get("/openapi.json", Accept_Encoding=header)
        for header in ("identity", "gzip", "zstd")
    }

    assert len({each.headers["etag"] for each in forms.values()}) == len(forms)
    for header, response in forms.items():
        assert response.headers.get("content-encoding", "identity") == header
        assert response.headers["vary"] == "Accept-Encoding"
        assert not response.headers["etag"].startswith("W/")


async def test_who_has_a_form_has_the_others(gateway: Gateway) -> None:
    first = await gateway.guest.get("/openapi.json", Accept_Encoding="zstd")

    for header in ("identity", "gzip", "zstd"):
        again = await gateway.guest.get(
            "/openapi.json", Accept_Encoding=header, If_None_Match=first.headers["etag"]
        )
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in again.headers


def test_the_weight_of_a_coding_is_read_once_for_a_header() -> None:
    coding_for("gzip;q=0.125", WORTH_IT)
    before = coding._kept_choice.cache_info().hits
    coding_for("gzip;q=0.125", WORTH_IT)

    assert coding._kept_choice.cache_info().hits == before + 1
