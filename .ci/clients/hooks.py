"""What schemathesis cannot take from the description: texts of the formats that it names (see /openapi.json)."""

import random
import string
import unicodedata

import schemathesis
from hypothesis import strategies as st


def is_visible(char):
    """As far as Python's tables go: neither space nor mark nor control nor format character."""
    return unicodedata.category(char)[0] in "LNPS" and char not in "\u3164\u2800\u115f\u1160\uffa0\U0001d159"


visible = st.characters(codec="utf-8", categories=("L", "N", "P", "S")).filter(is_visible)
line = st.text(visible, min_size=1, max_size=30)
word = st.text(string.ascii_lowercase + string.digits, min_size=4, max_size=20)
departments = ["reception", "housekeeping", "room_service", "restaurant", "management", "Room service", "RECEPTION"]

formats = {
    "line": line,
    "optional-line": st.one_of(st.just(""), line),
    "text": line,
    "username": word,
    # Sixteen random letters and digits, as `staff create` makes them.
    "new-password": st.integers(min_value=0).map(
        lambda seed: "".join(random.Random(seed).choices("abcdefghjkmnpqrstuvwxyz23456789", k=16))
    ),
    "department": st.sampled_from(departments),
    "telephone-number": st.integers(min_value=100, max_value=999).map(lambda end: f"+44 7700 900{end}"),
    "time-zone": st.sampled_from(["Europe/Zurich", "asia/tokyo", "UTC"]),
    "country": st.sampled_from(["CH", "gb", "JP"]),
    # The first page has none.
    "cursor": st.just(""),
}
for name, strategy in formats.items():
    schemathesis.openapi.format(name, strategy)


@schemathesis.hook
def map_query(context, query):
    # A page of messages goes forwards or backwards.
    if isinstance(query, dict) and "before" in query and "after" in query:
        return {name: value for name, value in query.items() if name != "after"}
    return query


@schemathesis.hook
def map_body(context, body):
    # An admin without a second factor could do nothing any more.
    if isinstance(body, dict) and body.get("second_factor") == "admins":
        return {**body, "second_factor": "optional"}
    return body
