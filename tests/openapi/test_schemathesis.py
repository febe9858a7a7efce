"""Schemathesis sends requests that match /openapi.json and requests that do not, and checks the responses against it:
statuses, media types, header fields, bodies. Invalid requests must be rejected and valid ones accepted, and deleted
documents must be gone.

OPENAPI_EXAMPLES is the number of requests that it generates for each operation, in addition to those at the limits of
each parameter."""

import json
import os

import hypothesis
import schemathesis
from hypothesis import strategies
from openapi_spec_validator import OpenAPIV31SpecValidator

from support import described

EXAMPLES = int(os.environ.get("OPENAPI_EXAMPLES", "200"))
DOCUMENT = described.collectors().document

# Statuses that a request may get although it matches the description, in addition to 2xx, 3xx, 401, 403, 404, 409 and
# 5xx. The description cannot express the reasons: a different tag, different content under an Idempotency-Key (of many documents: 400), a
# made-up cursor, 30 February.
ACCEPTED = ["2xx", "3xx", 401, 404, 409, 412, 422]
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}},
          "operations": [{"include-operation-id": name,
                          "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, 400]}}}
                         for name in ("listDocuments", "storeDocument", "restoreDocuments")]}

# Schemathesis cannot generate lines. Those of an export are documents too, so they suit both operations that take lines.
# Two of them may have the same key and different documents.
values = strategies.one_of(strategies.none(), strategies.booleans(), strategies.integers(), strategies.text())
export = strategies.fixed_dictionaries({"key": strategies.uuids().map(str),
                                        "document": strategies.dictionaries(strategies.text(), values, max_size=4)})
exports = strategies.lists(export, max_size=5).map(
    lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
for kind in ("application/x-ndjson", "application/jsonl"):
    schemathesis.openapi.media_type(kind, exports)

schema = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict(CONFIG))
settings = hypothesis.settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                               suppress_health_check=list(hypothesis.HealthCheck))


def test_the_description_is_valid():
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}"
              for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]
    assert not errors


# Its response never ends: see tests/integration/test_follow.py.
left_out = {"operation_id": "followDocuments"}


@schema.exclude(**left_out).parametrize()
@settings
def test_responses_match_the_description(case, base_url):
    case.call_and_validate(base_url=base_url)


def test_sequences_of_requests_are_answered_as_described(base_url, redis_server):
    schema.config.update(base_url=base_url)

    class Sequence(schema.exclude(**left_out).as_state_machine()):
        """Begins without documents: Hypothesis requires that the same requests get the same statuses."""

        def setup(self):
            with redis_server.client() as store:
                for key in store.scan_iter(count=1000):
                    if key != b"collector:feed:id":
                        store.delete(key)

    Sequence.run(settings=hypothesis.settings(settings, max_examples=max(EXAMPLES // 10, 5), stateful_step_count=8))
