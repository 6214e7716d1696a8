"""The HTTP operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Finding, Operator, Outcome, Spec, Step, Wait, register

if TYPE_CHECKING:
    from workflows.http_exchange import Request, Response

REASON_LENGTH = 2000
"""So many characters of a response's body are kept in the reason of a failure."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


class HttpRequest(BaseModel):
    """A request, as the inputs describe it; each of them may be an expression. Unknown keys are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    uri: str | None = Field(default=None, description="Required. http or https.")
    method: str | None = Field(default=None, description=f"Required. One of {', '.join(METHODS)}.")
    headers: dict[str, Any] | str | None = Field(
        default={}, description="Header fields; a list is sent as several."
    )
    body: Any = Field(default=None, description="Text is sent as it is, anything else as JSON.")
    accept: list[str] | str | None = Field(default="application/json", description="The Accept header.")
    content_type: str | None = Field(
        default="application/json", description="The Content-Type header of a body."
    )
    connection_time_out: int | str | None = Field(default=3000, description="Milliseconds.")
    read_time_out: int | str | None = Field(default=3000, description="Milliseconds of silence.")
    async_complete: bool | str | None = Field(
        default=False, description="After a 2xx response, wait until the task is completed from outside."
    )


class HttpParameters(HttpRequest):
    """The inputs of HTTP: the request's fields themselves, or an object of them."""

    http_request: HttpRequest | str | None = Field(
        default=None,
        alias="http_request",
        description="An object of the fields below, or an expression that yields one.",
    )


class HttpSpec(Spec):
    """The fields of HTTP."""

    input_parameters: HttpParameters = HttpParameters()


class _ResolvedRequest(HttpRequest):
    headers: dict[str, Any] = {}
    accept: list[str] | str = "application/json"
    content_type: str = "application/json"
    connection_time_out: int = Field(default=3000, gt=0)
    read_time_out: int = Field(default=3000, gt=0)
    async_complete: bool = False


def _with(**request: object) -> dict[str, Any]:
    return {
        "name": "fetch",
        "taskReferenceName": "fetch",
        "type": "HTTP",
        "inputParameters": {
            "http_request": {"uri": "http://orders.example/orders/42", "method": "GET", **request}
        },
    }


@register
class Http(Operator):
    """Call a service over HTTP.

    What it does:
        It sends one request and waits for the response. 2xx completes the task; any other status, a timeout
        and a broken connection fail it. Redirects are not followed, cookies are not kept.

        It is tried again only where there are retries (`retryCount` of the task or of its task definition).
        After a crash the request may have been sent and its response lost, so the attempt counts as failed:
        send an idempotency key where the service knows one.

    When to use it:
        For a plain call that needs no code. Use a worker task for anything that has to look at the response
        before it knows whether it succeeded.

    Fields:
        The request's fields stand in `inputParameters.http_request`, or in `inputParameters` themselves. A
        response may have 10 MiB and a call may take 60 s.

    Output:
        `{"response": {"body": …, "headers": {"Name": ["value"]}, "statusCode": 200, "reasonPhrase": "OK"}}`.
        A JSON object or list is a value, a JSON number a fraction, anything else text; no body is null. After
        4xx, 5xx and broken connections `response` is the reason, and `statusCode` stands beside it where
        there was one.
    """

    type = "HTTP"
    cacheable = True
    spec = HttpSpec
    repeatable = False
    slow = True
    uses_secrets = True
    examples = (
        Example(
            "a JSON response",
            _with(),
            Done(
                {
                    "response": {
                        "body": {"id": 42, "total": 30.5},
                        "headers": {"Content-Type": ["application/json"], "Content-Length": ["25"]},
                        "statusCode": 200,
                        "reasonPhrase": "OK",
                    }
                }
            ),
        ),
        Example(
            "not found",
            _with(uri="http://orders.example/orders/43"),
            Failed(
                'Failed to invoke HTTP task due to: 404 Not Found: "no such order"',
                output={
                    "response": 'Failed to invoke HTTP task due to: 404 Not Found: "no such order"',
                    "statusCode": 404,
                },
            ),
        ),
        Example(
            "no uri",
            _with(uri=None),
            Failed("Missing HTTP URI.  See documentation for HttpTask for required input parameters"),
        ),
    )

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        given = task.input_parameters
        request, path = given, "inputParameters"
        if "http_request" in given:
            request, path = given["http_request"], "inputParameters.http_request"
        if not isinstance(request, Mapping):
            return
        template = task.task_definition.input_template if task.task_definition else {}
        for field in ("uri", "method"):
            if not request.get(field) and field not in template and "http_request" not in template:
                # Not an error: the inputTemplate of a registered task definition may give it.
                yield Finding(
                    path,
                    f"The request has no {field}.",
                    f"Add {field}, unless the task definition's inputTemplate has it.",
                    severity="warning",
                    rule="http-request",
                )
        method, uri = request.get("method"), request.get("uri")
        if isinstance(method, str) and "${" not in method and method and method.upper() not in METHODS:
            yield Finding(
                f"{path}.method",
                f"There is no method {method!r}.",
                f"Take one of {', '.join(METHODS)}.",
                rule="http-method",
            )
        if isinstance(uri, str) and uri and not uri.startswith(("http://", "https://", "${")):
            yield Finding(
                f"{path}.uri",
                f"{uri!r} is no http or https address.",
                "Begin it with http:// or https://.",
                rule="http-uri",
            )

    def run(self, step: Step) -> Outcome:
        try:
            given = step.input.get("http_request") or step.input
            if isinstance(given, dict):  # an expression that yields nothing counts as not given
                given = {name: value for name, value in given.items() if value is not None}
            request = _ResolvedRequest.model_validate(given)
        except ValidationError as exc:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors())
            return Failed(f"The HTTP request is malformed: {problems}", terminal=True)
        if not request.uri:
            return Failed("Missing HTTP URI.  See documentation for HttpTask for required input parameters")
        if not request.method:
            return Failed("No HTTP method specified")
        if request.method.upper() not in METHODS:
            return Failed(f"There is no HTTP method {request.method!r}", terminal=True)
        if not request.uri.lower().startswith(("http://", "https://")):
            return Failed(f"{request.uri[:200]!r} is no http or https address", terminal=True)
        return _call(request, step.task.async_complete or request.async_complete)


def _call(request: _ResolvedRequest, async_complete: bool) -> Outcome:
    # Importing httpx takes longer than all else here; most processes send no request.
    from workflows.http_exchange import ExchangeFailed, exchange

    try:
        response = exchange(_outgoing(request))
    except ExchangeFailed as exc:
        return _failure(str(exc), terminal=exc.hopeless)
    if response.status >= 400:
        body = f'"{response.text[:REASON_LENGTH]}"' if response.text else "[no body]"
        return _failure(f"{response.status} {response.phrase}: {body}", {"statusCode": response.status})
    output = {"response": _described(response)}
    if not 200 <= response.status < 300:
        return Failed(response.text[:REASON_LENGTH] or "No response from the remote service", output=output)
    if async_complete:
        return Wait(None, "waiting to be completed from outside", output)
    return Done(output)


def _outgoing(request: _ResolvedRequest) -> Request:
    from workflows.http_exchange import Request  # as in `_call`

    content = (
        request.body if request.body is None or isinstance(request.body, str) else orjson.dumps(request.body)
    )
    return Request(
        (request.method or "").upper(),
        request.uri or "",
        _headers(request),
        content,
        request.connection_time_out / 1000,
        request.read_time_out / 1000,
    )


def _headers(request: _ResolvedRequest) -> list[tuple[str, str]]:
    accept = request.accept if isinstance(request.accept, str) else ", ".join(request.accept)
    own = {"accept": accept} | ({} if request.body is None else {"content-type": request.content_type})
    given = {name.lower() for name in request.headers}
    fields = [(name, value) for name, value in own.items() if name not in given]
    for name, value in request.headers.items():
        values = value if isinstance(value, list) else [value]
        fields += [(name, item if isinstance(item, str) else orjson.dumps(item).decode()) for item in values]
    return fields


def _described(response: Response) -> dict[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in response.headers:
        headers.setdefault(name, []).append(value)
    return {
        "body": _body(response.text),
        "headers": headers,
        "statusCode": response.status,
        "reasonPhrase": response.phrase,
    }


def _body(text: str) -> Any:
    """Conductor's reading of a body: of JSON's scalars only numbers keep their type, and become fractions."""
    if not text:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if isinstance(value, bool) or value is None:
        return text.strip()
    return float(value) if isinstance(value, int) else value


def _failure(problem: str, more: Mapping[str, Any] | None = None, terminal: bool = False) -> Failed:
    reason = f"Failed to invoke HTTP task due to: {problem}"
    return Failed(reason, terminal, {"response": reason, **(more or {})})
