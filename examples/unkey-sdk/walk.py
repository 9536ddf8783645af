"""A multi-tenant product on the official Unkey SDK for Python, with Keygate as its server.

    pip install unkey.py
    UNKEY_URL=http://127.0.0.1:8081 UNKEY_ROOT_KEY=unkey_… python walk.py
"""

import os
from dataclasses import dataclass

from unkey.py import Unkey, models

DAY = 24 * 60 * 60 * 1000

# The only line that knows it is not the hosted service: server_url.
unkey = Unkey(root_key=os.environ["UNKEY_ROOT_KEY"], server_url=os.environ["UNKEY_URL"])


@dataclass
class Plan:
    name: str
    requests_a_day: int

    def limits(self) -> list:
        # On the identity, so that all keys of the organisation draw from one allowance.
        return [
            models.RatelimitRequest(
                name="requests", limit=self.requests_a_day, duration=DAY, auto_apply=True
            )
        ]


FREE = Plan("free", 3)
PRO = Plan("pro", 1000)


def create_organisation(name: str) -> None:
    unkey.identities.create_identity(
        external_id=name, meta={"plan": FREE.name}, ratelimits=FREE.limits()
    )
    print(f"  {name}: plan {FREE.name}, {FREE.requests_a_day} requests a day")


def add_member(api: str, organisation: str, person: str, role: str) -> str:
    """A key of a person: it belongs to the organisation and may do what the role says."""
    made = unkey.keys.create_key(
        api_id=api,
        prefix="docs",
        name=person,
        external_id=organisation,
        roles=[role],
        meta={"person": person},
    ).data
    print(f"  {person} of {organisation}: {role}")
    return made.key


def decide(key: str, organisation: str, permission: str) -> str:
    """What a service asks before it touches documents of an organisation."""
    found = unkey.keys.verify_key(key=key, permissions=permission).data
    if not found.valid:
        return str(found.code.value)
    # The tenant comes from the key, never from the request.
    if found.identity is None or found.identity.external_id != organisation:
        return "another organisation's"
    return f"VALID, plan {found.identity.meta['plan']}"


def ask(who: str, key: str, organisation: str, permission: str) -> None:
    print(f"  {who}, {permission} at {organisation}: {decide(key, organisation, permission)}")


def upgrade(organisation: str, plan: Plan) -> None:
    unkey.identities.update_identity(
        identity=organisation, meta={"plan": plan.name}, ratelimits=plan.limits()
    )
    print(f"  {organisation}: plan {plan.name}, {plan.requests_a_day} requests a day")


def keys_of(api: str, organisation: str) -> list:
    """All keys of an organisation, however many pages they fill."""
    keys = []
    page = unkey.apis.list_keys(api_id=api, external_id=organisation, limit=1)
    while page is not None:
        keys += page.result.data
        page = page.next()
    return keys


print("Two organisations, and what their members may do.")
api = unkey.apis.create_api(name="documents").data.api_id
create_organisation("acme")
create_organisation("globex")
unkey.permissions.create_role(name="viewer", permissions=["documents.read"])
unkey.permissions.create_role(name="editor", permissions=["documents.read", "documents.write"])

print("\nTeam members, a key each.")
ana = add_member(api, "acme", "ana", "editor")
ben = add_member(api, "acme", "ben", "viewer")
gil = add_member(api, "globex", "gil", "editor")

print("\nEach decision is one call; the key says who it belongs to.")
ask("ana", ana, "acme", "documents.write")
ask("ben", ben, "acme", "documents.read")
ask("ben", ben, "acme", "documents.write")
ask("gil", gil, "acme", "documents.read")

print("\nA service that holds a narrow root key cannot even see keys of other APIs.")
narrow = unkey.root_keys.create_key(name="billing service", permissions=["api.api_billing.verify_key"]).data
billing = Unkey(root_key=narrow.key, server_url=os.environ["UNKEY_URL"])
print(f"  ana, asked by billing: {billing.keys.verify_key(key=ana).data.code.value}")

print("\nThe allowance of the free plan is the organisation's, not the key's.")
ask("ana", ana, "acme", "documents.read")
ask("ben", ben, "acme", "documents.read")

print("\nAn upgrade counts from the next request on, for every key.")
upgrade("acme", PRO)
ask("ben", ben, "acme", "documents.read")
ask("ana", ana, "acme", "documents.write")

print("\nacme leaves: all of its keys go, and nobody else's.")
for key in keys_of(api, "acme"):
    unkey.keys.delete_key(key_id=key.key_id)
unkey.identities.delete_identity(identity="acme")
print(f"  keys of acme left: {len(keys_of(api, 'acme'))}")
ask("ana", ana, "acme", "documents.read")
ask("ben", ben, "acme", "documents.read")
ask("gil", gil, "globex", "documents.read")
