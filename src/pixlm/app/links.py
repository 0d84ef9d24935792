"""What stands on the page as the query of its address, so that it can be shared; bounded on the way out and in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from urllib.parse import urlencode

from pixlm.app.limits import MOST_TEXT, patches_of
from pixlm.errors import UsageError

MOST_QUERY = 4000
"""Characters of a query; servers and messengers cut longer addresses."""


@dataclass(frozen=True)
class State:
    """tab: its name; text, second: what was typed; strategy, masking, ratio, seed, patches: of a reconstruction."""

    tab: str = "reconstruct"
    text: str = ""
    second: str = ""
    strategy: str = ""
    masking: str = "spans"
    ratio: str = "0.25"
    seed: str = "42"
    patches: str = ""


def to_query(state: State) -> str:
    """ "?text=...": what differs from the beginning. Raises UsageError where that is too long for an address."""
    usual = asdict(State())
    query = "?" + urlencode({name: value for name, value in asdict(state).items() if value != usual[name]})
    if len(query) > MOST_QUERY:
        raise UsageError("the text is too long for a link; it can be shared as text only")
    return query


def from_query(given: Mapping[str, str]) -> State:
    """The state that an address names; what it does not name, or what is too long, is as in the beginning."""
    known = {}
    for field in fields(State):
        value = given.get(field.name)
        if isinstance(value, str) and len(value) <= (MOST_TEXT if field.name in ("text", "second") else 400):
            known[field.name] = value
    try:
        patches_of(known.get("patches"))
    except UsageError:
        del known["patches"]  # no button could mend what stands in a hidden field
    return State(**known)
