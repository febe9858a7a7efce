"""Checks of responses, shared by the tests."""

import re

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ABSENT_KEY = "00000000-0000-7000-8000-000000000000"


def is_uuid(text, version=None):
    """A lower-case UUID of 36 characters, of the given version."""
    return bool(UUID.fullmatch(text)) and (version is None or text[14] == str(version))


def assert_problem(answer, status, *words):
    """Checks for problem+json (RFC 9457) with this status, a correlation id, and all these words in its detail."""
    assert answer.status == status, answer
    assert answer.media_type == "application/problem+json", answer
    assert answer.header("x-correlation-id"), answer
    problem = answer.json()
    assert problem["status"] == status, problem
    assert problem["title"], problem
    assert problem.get("type", "about:blank"), problem
    for word in words:
        assert word.lower() in problem.get("detail", "").lower(), problem
    return problem
