#!/usr/bin/env bash
# Throws generated requests at every operation of the published schema: no 5xx, no answer that breaks the
# schema, nothing invalid accepted. The last line is `N passed, M failed`, counted in operations and phases.
#
#   KEYGATE_BIN=.build/release/keygate Tests/Management/schemathesis.sh [SCHEMATHESIS ARGUMENTS…]
#   SCHEMA=…    the schema, default ../shared/spec/unkey-v2-subset.openapi.yaml beside the checkout
#   EXAMPLES=50 generated requests per operation, default 25
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=Tests/Management/server.sh
source Tests/Management/server.sh

schema="${SCHEMA:-../shared/spec/unkey-v2-subset.openapi.yaml}"
[[ -f "$schema" ]] || skip "the schema is not beside the checkout"
python_with schemathesis 'schemathesis==4.*' pyyaml

# Where the schema contradicts itself or the description of the behaviour, the description wins; each exception
# with its reason. Whatever is not listed here holds as published.
"$PYTHON" - "$schema" "$WORK/schema.yaml" <<'PY'
import sys, yaml

schema = yaml.safe_load(open(sys.argv[1]))
schemas, paths = schema["components"]["schemas"], schema["paths"]

# The answer to a bad request is "a BaseError, and a list of errors", but BaseError allows no member more: as
# written no answer with the required list conforms.
schemas["BaseError"].pop("additionalProperties")

def answers(operation):
    return paths["/v2/" + operation]["post"]["responses"]

def like(operation, status, other, message):
    """`operation` may also answer `status`, in the shape that `other` does."""
    answers(operation).setdefault(status, {"description": message, "content": answers(other[0])[other[1]]["content"]})

# Recoverable keys, decryption and unknown limits end in a 412 that the list of answers forgets.
for operation in ("keys.createKey", "keys.getKey", "keys.rerollKey", "keys.verifyKey", "apis.listKeys"):
    like(operation, "412", ("apis.deleteApi", "412"), "Precondition Failed")
# A role that does not exist cannot be deleted.
like("permissions.deleteRole", "404", ("permissions.getRole", "404"), "Not Found")
# An analytics that is switched off says so with a 412.
like("analytics.getVerifications", "412", ("apis.deleteApi", "412"), "Precondition Failed")
# Which of the two types an error has follows from Accept, here as everywhere.
for answer in answers("identities.deleteIdentity").values():
    for body in list(answer.get("content", {}).values()):
        answer["content"]["application/json"] = body

yaml.safe_dump(schema, open(sys.argv[2], "w"), sort_keys=False)
PY

# Checks left out, and why:
#   ignored_auth              a request without Authorization is a 400 of this API, not a 401
#   positive_data_acceptance  what the schema cannot say is refused too: times in the past, permissions and
#                             queries that do not parse, 1.0 where an integer is meant, unknown members of
#                             the bodies that were reconstructed from a client and so forbid nothing
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
checks+=,negative_data_rejection,unsupported_method

start_server
(
    cd "$WORK"
    "${PYTHON%/*}/schemathesis" --no-color run schema.yaml --url "$ADMIN_URL" \
        -H "Authorization: Bearer $ROOT_KEY" -H 'Accept: application/json' \
        --phases coverage,fuzzing -n "${EXAMPLES:-25}" --checks "$checks" --continue-on-failure \
        --suppress-health-check all --warnings off "$@"
) 2>&1 | tee "$WORK/schemathesis.log" || true

# The summary of a phase reads "✅ 48 passed  ❌ 2 failed".
sum() {
    awk -v mark="$1" '{ for (i = 1; i < NF; i++) if ($i == mark && $(i + 1) ~ /^[0-9]+$/) sum += $(i + 1) }
        END { print sum + 0 }' "$WORK/schemathesis.log"
}
passed="$(sum ✅)"
failed="$(($(sum ❌) + $(sum 🚫)))"
# No sum at all means that it did not run.
((passed + failed > 0)) || failed=1
server_is_well || { echo "the server did not survive: $(tail -n 5 "$WORK/server.log")"; failed=$((failed + 1)); }
echo "$passed passed, $failed failed"
((failed == 0))
