// A multi-tenant product on the official Unkey SDK for TypeScript, with Keygate as its server.
//
//     npm install @unkey/api
//     UNKEY_URL=http://127.0.0.1:8081 UNKEY_ROOT_KEY=unkey_… npx tsx walk.ts

import { Unkey } from "@unkey/api";

const day = 24 * 60 * 60 * 1000;

function setting(name: string): string {
    const value = process.env[name];
    if (!value) throw new Error(`${name} is not set`);
    return value;
}

// The only line that knows it is not the hosted service: serverURL.
const unkey = new Unkey({ rootKey: setting("UNKEY_ROOT_KEY"), serverURL: setting("UNKEY_URL") });

interface Plan {
    name: string;
    requestsADay: number;
}

const free: Plan = { name: "free", requestsADay: 3 };
const pro: Plan = { name: "pro", requestsADay: 1000 };

// On the identity, so that all keys of the organisation draw from one allowance.
function limits(plan: Plan) {
    return [{ name: "requests", limit: plan.requestsADay, duration: day, autoApply: true }];
}

async function createOrganisation(name: string): Promise<void> {
    await unkey.identities.createIdentity({
        externalId: name,
        meta: { plan: free.name },
        ratelimits: limits(free),
    });
    console.log(`  ${name}: plan ${free.name}, ${free.requestsADay} requests a day`);
}

// A key of a person: it belongs to the organisation and may do what the role says.
async function addMember(api: string, organisation: string, person: string, role: string): Promise<string> {
    const made = await unkey.keys.createKey({
        apiId: api,
        prefix: "docs",
        name: person,
        externalId: organisation,
        roles: [role],
        meta: { person },
    });
    console.log(`  ${person} of ${organisation}: ${role}`);
    return made.data.key;
}

// What a service asks before it touches documents of an organisation.
async function decide(key: string, organisation: string, permission: string): Promise<string> {
    const { data: found } = await unkey.keys.verifyKey({ key, permissions: permission });
    if (!found.valid) return found.code;
    // The tenant comes from the key, never from the request.
    if (found.identity?.externalId !== organisation) return "another organisation's";
    return `VALID, plan ${found.identity.meta?.["plan"]}`;
}

async function ask(who: string, key: string, organisation: string, permission: string): Promise<void> {
    console.log(`  ${who}, ${permission} at ${organisation}: ${await decide(key, organisation, permission)}`);
}

async function upgrade(organisation: string, plan: Plan): Promise<void> {
    await unkey.identities.updateIdentity({
        identity: organisation,
        meta: { plan: plan.name },
        ratelimits: limits(plan),
    });
    console.log(`  ${organisation}: plan ${plan.name}, ${plan.requestsADay} requests a day`);
}

// The ids of all keys of an organisation, however many pages they fill.
async function keysOf(api: string, organisation: string): Promise<string[]> {
    const ids: string[] = [];
    for await (const page of await unkey.apis.listKeys({ apiId: api, externalId: organisation, limit: 1 })) {
        ids.push(...page.result.data.map((key) => key.keyId));
    }
    return ids;
}

async function walk(): Promise<void> {
    console.log("Two organisations, and what their members may do.");
    const api = (await unkey.apis.createApi({ name: "documents" })).data.apiId;
    await createOrganisation("acme");
    await createOrganisation("globex");
    await unkey.permissions.createRole({ name: "viewer", permissions: ["documents.read"] });
    await unkey.permissions.createRole({ name: "editor", permissions: ["documents.read", "documents.write"] });

    console.log("\nTeam members, a key each.");
    const ana = await addMember(api, "acme", "ana", "editor");
    const ben = await addMember(api, "acme", "ben", "viewer");
    const gil = await addMember(api, "globex", "gil", "editor");

    console.log("\nEach decision is one call; the key says who it belongs to.");
    await ask("ana", ana, "acme", "documents.write");
    await ask("ben", ben, "acme", "documents.read");
    await ask("ben", ben, "acme", "documents.write");
    await ask("gil", gil, "acme", "documents.read");

    console.log("\nA service that holds a narrow root key cannot even see keys of other APIs.");
    const narrow = await unkey.rootKeys.createKey({
        name: "billing service",
        permissions: ["api.api_billing.verify_key"],
    });
    const billing = new Unkey({ rootKey: narrow.data.key, serverURL: setting("UNKEY_URL") });
    console.log(`  ana, asked by billing: ${(await billing.keys.verifyKey({ key: ana })).data.code}`);

    console.log("\nThe allowance of the free plan is the organisation's, not the key's.");
    await ask("ana", ana, "acme", "documents.read");
    await ask("ben", ben, "acme", "documents.read");

    console.log("\nAn upgrade counts from the next request on, for every key.");
    await upgrade("acme", pro);
    await ask("ben", ben, "acme", "documents.read");
    await ask("ana", ana, "acme", "documents.write");

    console.log("\nacme leaves: all of its keys go, and nobody else's.");
    for (const keyId of await keysOf(api, "acme")) await unkey.keys.deleteKey({ keyId });
    await unkey.identities.deleteIdentity({ identity: "acme" });
    console.log(`  keys of acme left: ${(await keysOf(api, "acme")).length}`);
    await ask("ana", ana, "acme", "documents.read");
    await ask("ben", ben, "acme", "documents.read");
    await ask("gil", gil, "globex", "documents.read");
}

walk().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
