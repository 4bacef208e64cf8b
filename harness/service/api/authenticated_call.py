"""An authenticated call: the user, the trace and the service of one request to a media endpoint."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from harness.service.api.bearer_token import Tokens, Unauthenticated
from harness.service.api.request_body import BoundedRequest, must_be_json
from harness.service.api.telemetry import Exchange, exchange_of
from harness.service.app import Service
from harness.service.core.errors import UserDeleted
from harness.service.core.model.access_policy import Caller
from harness.service.core.model.identifiers import UserId


class AuthenticatedRoute(APIRoute):
    """
    A route that checks the token before it reads the body: 401 comes before 400 and 413.

    Whether the user is deleted is known later, with the privileges: `Call.caller`.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def authenticated(request: Request) -> Response:
            tokens: Tokens = request.app.state.tokens
            user_id = tokens.user_of(request.headers.get("authorization"))
            request.state.user_id = user_id
            exchange_of(request).log_fields["user_id"] = user_id
            must_be_json(request.headers)
            bounded = BoundedRequest(request.scope, request.receive)
            # Parse here: FastAPI would replace our error by its own.
            await bounded.json()
            return await handle(bounded)

        return authenticated


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an authenticated user."""

    service: Service
    user_id: UserId
    exchange: Exchange

    def caller(self) -> Caller:
        """Return the user with the privileges from the database; raise `Unauthenticated` if it is deleted."""
        try:
            return Caller(self.user_id, self.service.listings.get_privileges(self.user_id))
        except UserDeleted:
            raise Unauthenticated("The user of the token is deleted.") from None

    @property
    def traceparent(self) -> str:
        return self.exchange.span.traceparent

    def log(self, **fields: object) -> None:
        """Add *fields* that are not None to the access log."""
        self.exchange.log_fields.update({name: field for name, field in fields.items() if field is not None})


async def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _call(request: Request) -> Call:
    return Call(request.app.state.service, request.state.user_id, exchange_of(request))


CurrentService = Annotated[Service, Depends(_service)]
AuthenticatedCall = Annotated[Call, Depends(_call)]
