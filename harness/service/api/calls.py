"""
What an endpoint knows besides its body: who asks, in which trace, and the service that answers.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from harness.service.api.auth import Tokens
from harness.service.api.body import BoundedRequest, must_be_json
from harness.service.api.telemetry import Exchange, exchange_of
from harness.service.app import Service
from harness.service.core.model.identifiers import UserId
from harness.service.core.model.listing import Caller


class AuthenticatedRoute(APIRoute):
    """
    A route that looks at nobody's body before it knows the caller: 401 comes before 400 and 413.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(request: Request) -> Response:
            tokens: Tokens = request.app.state.tokens
            user_id = tokens.user_of(request.headers.get("authorization"))
            request.state.user_id = user_id
            exchange_of(request).facts["user_id"] = user_id
            must_be_json(request.headers)
            bounded = BoundedRequest(request.scope, request.receive)
            # Here and not in FastAPI, which would hide the reason of a refusal.
            await bounded.json()
            return await handle(bounded)

        return authenticated


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a user we know."""

    service: Service
    user_id: UserId
    exchange: Exchange

    def caller(self) -> Caller:
        """
        Look up what the user may do.

        Raises:
            Unavailable: The database does not answer.
        """
        return Caller(self.user_id, self.service.listings.get_privileges(self.user_id))

    @property
    def traceparent(self) -> str:
        return self.exchange.trace.traceparent

    def note(self, **facts: object) -> None:
        """Remember *facts* for the access log; None is nothing to remember."""
        self.exchange.facts.update({name: fact for name, fact in facts.items() if fact is not None})


async def _call(request: Request) -> Call:
    return Call(request.app.state.service, request.state.user_id, exchange_of(request))


AuthenticatedCall = Annotated[Call, Depends(_call)]
