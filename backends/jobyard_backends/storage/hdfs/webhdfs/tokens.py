"""Delegation tokens: got by a ticket, sent in its place, renewed while they are used.

A ticket is shown where a token is got, renewed or given back; all else is asked with the token,
which NameNodes pass on in their redirections, so that no DataNode sees a ticket. The token of
somebody else is got by ``doas``: it is theirs, and the client's right to that is looked at once.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import anyio
import httpx
from attrs import define, evolve, field

from jobyard_backends.storage.hdfs.webhdfs.answers import answered
from jobyard_backends.storage.hdfs.webhdfs.failures import (
    NoAnswer,
    RemoteError,
    WebHdfsFailure,
)
from jobyard_backends.storage.hdfs.webhdfs.name_nodes import NameNodes, Question

MOST: Final = 1000
"""Users whose tokens are kept; beyond, those go that were not used for the longest time."""

_RENEWED_AT: Final = 0.6
"""After which part of its time a token is renewed."""
_TRIED_AGAIN: Final = 0.05
_SHORTEST: Final = 0.2
_LONGEST: Final = 600.0
_GIVEN_BACK_WITHIN: Final = 5.0
_AT_ONCE: Final = 8

Clock = Callable[[], float]


@define(eq=False)
class _Token:
    """Be a token; ``due`` is when it is looked at, in seconds since the epoch."""

    text: str = field(repr=False)
    due: float
    used: bool = True


@define(eq=False)
class _Holder:
    """Be somebody who has a token, or is to get one."""

    token: _Token | None = None
    getting: anyio.Lock = field(factory=anyio.Lock)


class Tokens:
    """Ask NameNodes with tokens; ``name`` is the client's own user, who renews all of them.

    :meth:`keep` runs beside, until it is cancelled; without it tokens end when their time does, and
    others are got.
    """

    def __init__(self, names: NameNodes, name: str, now: Clock = time.time) -> None:
        self._names = names
        self._name = name
        self._now = now
        self._holders: OrderedDict[str, _Holder] = OrderedDict()
        self._left: list[str] = []
        self._lasts: float | None = None
        self._got = anyio.Event()

    async def ask(self, question: Question) -> httpx.Response:
        """Ask with a token, and once more with another where that one has ended.

        Raises:
            RemoteError: The NameNode said no.
            NoAnswer: None answers.
            NoTicket: There is no token, and no ticket for getting one.
        """
        who = question.user or self._name
        token = await self._token(who)
        try:
            return await self._names.ask(_with(question, token))
        except RemoteError as error:
            if not _is_of_no_use(error):
                raise
        # Nothing was done: the NameNode looks at the token first.
        self._drop(who, token)
        return await self._names.ask(_with(question, await self._token(who)))

    async def show(self) -> None:
        """Get a token for the client itself, if there is none.

        Raises:
            WebHdfsFailure: It cannot be had.
        """
        await self._token(self._name)

    async def keep(self) -> None:
        """Renew what is used, and give back what is not."""
        while True:
            dues = [each.token.due for each in self._holders.values() if each.token is not None]
            pause = min(dues, default=self._now() + _LONGEST) - self._now()
            self._got = anyio.Event()
            with anyio.move_on_after(min(max(pause, _SHORTEST), _LONGEST)):
                await self._got.wait()
            await self._tend()

    async def aclose(self) -> None:
        """Give all tokens back, as far as that is done soon."""
        self._left += [each.token.text for each in self._holders.values() if each.token is not None]
        self._holders.clear()
        with anyio.move_on_after(_GIVEN_BACK_WITHIN):
            await self._give_back()

    async def _token(self, who: str) -> _Token:
        holder = self._holders.setdefault(who, _Holder())
        self._holders.move_to_end(who)
        async with holder.getting:
            if holder.token is None:
                holder.token = await self._new(who)
                self._got.set()
            holder.token.used = True
            token = holder.token
        self._forget_the_oldest()
        return token

    async def _new(self, who: str) -> _Token:
        other = {} if who == self._name else {"doas": who}
        parameters = {"op": "GETDELEGATIONTOKEN", "renewer": self._name, **other}
        response = await self._names.ask(Question("GET", "/", parameters, by_ticket=True))
        try:
            token = _Token(str(answered(response, "Token")["urlString"]), self._now())
        except (KeyError, TypeError) as error:
            raise NoAnswer("What answers is no NameNode.", "it gave no token") from error
        if self._lasts is None:
            await self._renew(token)
        else:
            token.due = self._now() + _RENEWED_AT * self._lasts
        return token

    async def _renew(self, token: _Token) -> None:
        """Renew a token, and learn for how long tokens are good."""
        parameters = {"op": "RENEWDELEGATIONTOKEN", "token": token.text}
        response = await self._names.ask(Question("PUT", "/", parameters, by_ticket=True))
        ends = answered(response, "long")
        if not isinstance(ends, int):
            raise NoAnswer("What answers is no NameNode.", "it did not say until when")
        lasts = ends / 1000 - self._now()
        # Towards the end of its life a token is good for less and less.
        self._lasts = max(lasts, self._lasts or 0.0)
        token.due = self._now() + max(_RENEWED_AT * lasts, _SHORTEST)

    async def _tend(self) -> None:
        now = self._now()
        for who, holder in list(self._holders.items()):
            token = holder.token
            if token is None or token.due > now:
                continue
            if token.used:
                token.used = False
                await self._renewed(who, token)
            else:
                self._drop(who, token)
                self._left.append(token.text)
        with anyio.move_on_after(_GIVEN_BACK_WITHIN):
            await self._give_back()

    async def _renewed(self, who: str, token: _Token) -> None:
        try:
            await self._renew(token)
        except RemoteError:
            self._drop(who, token)  # its time is over: whoever asks next gets another
        except NoAnswer:
            token.used = True
            token.due = self._now() + max(_TRIED_AGAIN * (self._lasts or 0.0), 1.0)

    def _drop(self, who: str, token: _Token) -> None:
        holder = self._holders.get(who)
        if holder is not None and holder.token is token:
            holder.token = None

    def _forget_the_oldest(self) -> None:
        while len(self._holders) > MOST:
            _, holder = self._holders.popitem(last=False)
            if holder.token is not None:
                self._left.append(holder.token.text)

    async def _give_back(self) -> None:
        """Cancel what nobody uses any more; one that is not cancelled ends by itself."""
        texts, self._left = self._left, []
        limiter = anyio.CapacityLimiter(_AT_ONCE)

        async def cancel(text: str) -> None:
            parameters = {"op": "CANCELDELEGATIONTOKEN", "token": text}
            async with limiter:
                with suppress(WebHdfsFailure):
                    await self._names.ask(Question("PUT", "/", parameters, by_ticket=True))

        async with anyio.create_task_group() as group:
            for text in texts:
                group.start_soon(cancel, text)


def _with(question: Question, token: _Token) -> Question:
    return evolve(question, parameters={**question.parameters, "delegation": token.text})


def _is_of_no_use(error: RemoteError) -> bool:
    """Tell whether a NameNode says that a token has ended, or is not known any more."""
    return error.name == "InvalidToken" or (
        error.name == "SecurityException" and "InvalidToken" in error.message
    )
