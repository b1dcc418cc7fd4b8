"""What counts as belonging to one person."""

from __future__ import annotations

import pytest

from routing.guard.personal import personal_data


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.doe+x@example.co.uk about it.", "email"),
        ("Call me on +49 30 901820.", "phone"),
        ("My number is (212) 736-5000.", "phone"),
        ("Is 020 7946 0958 a London number?", "number"),
        ("My card 4111 1111 1111 1111 was declined.", "number"),
        ("Transfer it to GB82WEST12345698765432.", "iban"),
        ("Transfer it to GB82 WEST 1234 5698 7654 32.", "number"),
        ("My SSN is 536-90-4399.", "national_id"),
        ("Mi DNI es 54362315K.", "national_id"),
        ("Il mio codice fiscale: RCCMNL83S18D969H", "national_id"),
        ("Why does 10.0.12.7 not answer?", "ip_address"),
        ("Block 2001:db8::1 please.", "ip_address"),
        ("What is the status of order 4711?", "reference"),
        ("Cancel booking #AB-12345", "reference"),
        ("I was born in May.", "birth"),
        ("My name is Ada.", "introduction"),
        ("I'm Ada Lovelace, who am I?", "introduction"),
        ("My wife forgot our anniversary.", "life"),
        ("What does Dr. Miller recommend?", "name"),
        ("Is 221 Baker Street far?", "address"),
        ("Wie komme ich zur Hauptstraße 5?", "address"),
        ("What is order   number : #4711?", "reference"),
        ("The claim of order-order-" + "x" * 40 + "4711", "reference"),
        ("Is +.jane-@example.org valid?", "email"),
        ("token-eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0", "secret"),
        ("-eyJ-eyJhbGciOiJIUzI1NiJ9-eyJ.x", "secret"),
        ("my password is hunter2", "secret"),
        ("Use sk-abcdefghijklmnop1234", "secret"),
        ("postgres://me:hidden@db/x", "secret"),
        ("Call 1234567890 twice.", "number"),
        ("x" * 10_001, "too_long_to_tell"),
        ("1/2 " * 300, "too_long_to_tell"),
    ],
)
def test_it_is_found(text: str, kind: str) -> None:
    assert kind in personal_data(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is the capital of France?",
        "How do I reset my password?",
        "What is 15 % of 80?",
        "Who won the World Cup in 1998, and when was 1990's final?",
        "Explain Python 3.11.4 and RFC 9562.",
        "Is 3.14159265 a good approximation of pi?",
        "Which trains run from Berlin to Munich at 10:30?",
        "What does HTTP 404 mean, and what is port 8080?",
        "In which order should I read the books?",
        "Explain this regular expression: ^\\d{4}-\\d{2}$",
        "Convert 100 km/h to mph. It is 62.137 mph.",
        "Paris is the capital of France. It has been for a long time.",
        "The speed of light is 299,792 km per second.",
        "What are the tax brackets for 2024-2025?",
        "",
    ],
)
def test_what_is_everybodys_is_not(text: str) -> None:
    assert personal_data(text) == frozenset()
