"""Finds the route of a call: among those that begin with its word, not among all.

Starlette tries one pattern after the other. There are more than a hundred, and most calls are polls of workers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from app.rest.route import PREFIX, PodiumRoute

_FOUND = "podium_found"


class Index(BaseRoute):
    """All routes, by method and by the first word of their paths."""

    def __init__(self, routes: Sequence[PodiumRoute]) -> None:
        self.routes = list(routes)
        self._by_word: dict[str, dict[str, list[PodiumRoute]]] = defaultdict(lambda: defaultdict(list))
        for route in self.routes:
            for method in route.methods or ():
                self._by_word[_word(route.path_format)][method].append(route)

    def find(self, scope: Scope) -> PodiumRoute | None:
        """The first of the routes that fits a call; what it found in the path is then in the scope."""
        found = self._by_word.get(_word(scope["path"]))
        for route in () if found is None else found.get(scope["method"], ()):
            if route.path_regex.match(scope["path"]):
                scope.update(route.matches(scope)[1])
                scope[_FOUND] = route
                return route
        return None

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether `find` has found a route, or finds one: Starlette asks again without a slash at the end."""
        found = _FOUND in scope or (scope["type"] == "http" and self.find(scope) is not None)
        return (Match.FULL if found else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call to the route that `matches` found."""
        await scope[_FOUND].handle(scope, receive, send)

    def methods_of(self, scope: Scope) -> list[str]:
        """The methods that a path has."""
        found = self._by_word.get(_word(scope["path"]), {})
        return sorted(
            method
            for method, routes in found.items()
            if any(route.path_regex.match(scope["path"]) for route in routes)
        )


def _word(path: str) -> str:
    words = path.split("/", 3)
    return words[2] if len(words) > 2 and words[1] == PREFIX[1:] else words[1] if len(words) > 1 else ""
