// Service accounts, roles and tokens, as operators and owners of organizations use them, in gRPC and in REST: and that
// nobody gets more by them than they had.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { outcome, Refused } from "../support/json-calls.ts";
import { clientFormats, openGrpc, type Ask, type ServiceClient } from "../support/service-clients.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

const OTHER = "other-org";
/** Has no accounts. */
const EMPTY = "empty-org";
let application: TestApplication;
/** Added to the time of the service. */
let aheadMs = 0;
const clients: ServiceClient[] = [];
let names = 0;

beforeAll(async () => {
  application = await startTestApplication({ sources: { nowMs: () => Date.now() + aheadMs } });
  const organizations = opened(openGrpc(application.url, OrganizationService));
  for (const organizationId of [OTHER, EMPTY]) {
    await organizations(application.token, "CreateOrganization", { organizationId, name: organizationId });
  }
});
afterAll(async () => {
  for (const client of clients) client.close();
  await application.stop();
});

function opened(client: ServiceClient): Ask {
  clients.push(client);
  return client.ask;
}

async function message(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.catch((thrown: unknown) => thrown);
  return error instanceof Refused ? error.message : "answered";
}

const DENIED = "7 PERMISSION_DENIED";
const EXCEEDS = "7 ROLES_EXCEED_CALLER";
const UNAUTHENTICATED = "16 TOKEN_INVALID";

describe.each(clientFormats)("over %s", (_format, open) => {
  let ask: Ask;
  /** Any call that takes nothing but a valid token. */
  let ping: (token: string) => Promise<string>;

  beforeAll(() => {
    ask = opened(open(application.url, AccessService));
    ping = (token) =>
      outcome(ask(token, "ListAccessTokens", { serviceAccountId: accountOf.get(token) ?? "" }));
  });

  const accountOf = new Map<string, string>();

  async function account(
    roles: JsonValue[] = [],
    change: JsonObject = {},
  ): Promise<{ id: string; account: JsonObject }> {
    names += 1;
    const request = { username: `robot-${names}`, roles, ...change };
    const answer = await ask(application.token, "CreateServiceAccount", request);
    const made = answer["serviceAccount"] as JsonObject;
    return { id: textAt(made, "serviceAccountId"), account: made };
  }

  async function tokenFor(id: string, change: JsonObject = {}): Promise<{ token: string; tokenId: string }> {
    const answer = await ask(application.token, "CreateAccessToken", { serviceAccountId: id, ...change });
    const token = textAt(answer, "token");
    accountOf.set(token, id);
    return { token, tokenId: textAt(answer["accessToken"], "tokenId") };
  }

  async function callerWith(...roles: JsonValue[]): Promise<{ id: string; token: string; tokenId: string }> {
    const { id } = await account(roles);
    return { id, ...(await tokenFor(id)) };
  }

  const here = (role: string) => ({ role, organizationId: application.organizationId });
  const there = (role: string) => ({ role, organizationId: OTHER });

  test("an account with a token: made, used, read, listed, ended", async () => {
    const { id, account: made } = await account([{ role: "ORG_OWNER_VIEWER" }, there("ORG_OWNER")]);
    expect(made).toEqual({
      serviceAccountId: expect.stringMatching(/^\d{18}$/),
      organizationId: application.organizationId,
      username: `robot-${names}`,
      state: "SERVICE_ACCOUNT_STATE_ACTIVE",
      roles: [here("ORG_OWNER_VIEWER"), there("ORG_OWNER")],
      createTime: expect.any(String),
      changeTime: made["createTime"],
    });
    const { token, tokenId } = await tokenFor(id);
    expect(token).toMatch(/^cs_[\w-]{43}$/);
    expect(await ask(token, "GetServiceAccount", { serviceAccountId: id })).toEqual({ serviceAccount: made });
    expect(await ask(application.token, "ListServiceAccounts", { username: `ROBOT-${names}` })).toEqual({
      serviceAccounts: [made],
    });
    const listed = await ask(token, "ListAccessTokens", { serviceAccountId: id });
    expect(listed).toEqual({
      tokens: [
        {
          tokenId,
          serviceAccountId: id,
          organizationId: application.organizationId,
          createTime: expect.any(String),
          lastUseTime: expect.any(String),
        },
      ],
    });
    expect(JSON.stringify(listed)).not.toContain(token.slice(3));
    const last = { serviceAccountId: id, force: true };
    expect(await ask(application.token, "DeleteServiceAccount", last)).toEqual({});
    expect(await ping(token)).toBe(UNAUTHENTICATED);
    expect(await outcome(ask(application.token, "GetServiceAccount", { serviceAccountId: id }))).toBe(
      "5 SERVICE_ACCOUNT_NOT_FOUND",
    );
  });

  test("a token that is revoked is refused from the next call on, in mid-use too", async () => {
    const { token, tokenId } = await callerWith(here("ORG_USER_MANAGER"));
    const other = await callerWith(here("ORG_USER_MANAGER"));
    let isRevoked = false;
    const answers: [revokedBefore: boolean, string][] = [];
    const callers = Array.from({ length: 8 }, async () => {
      for (let after = 0; after < 5; after += isRevoked ? 1 : 0) {
        const before = isRevoked;
        answers.push([before, await ping(token)]);
      }
    });
    while (answers.length < 40) await new Promise((resolve) => setTimeout(resolve, 1));
    await ask(application.token, "RevokeAccessToken", { tokenId });
    isRevoked = true;
    await Promise.all(callers);
    const late = answers.filter(([before]) => before).map(([, said]) => said);
    expect(late.length).toBeGreaterThanOrEqual(32);
    expect(new Set(late)).toEqual(new Set([UNAUTHENTICATED]));
    expect(answers.slice(0, 40).map(([, said]) => said)).toEqual(Array(40).fill("ok"));
    expect(await ping(other.token)).toBe("ok");
    // Again changes nothing, and the list says when.
    await ask(application.token, "RevokeAccessToken", { tokenId });
    const { tokens } = await ask(application.token, "ListAccessTokens", {
      serviceAccountId: accountOf.get(token) ?? "",
    });
    expect(tokens).toMatchObject([{ tokenId, revokeTime: expect.any(String) }]);
    expect(await message(ask(token, "ListAccessTokens", {}))).toBe("Errors.Token.Invalid (AUTH-7fs1e)");
  });

  test("a token works until its end, and no longer", async () => {
    const { id } = await account();
    const expireTime = new Date(Date.now() + aheadMs + 60_000).toISOString();
    const { token } = await tokenFor(id, { expireTime });
    const forever = await tokenFor(id);
    expect(await ping(token)).toBe("ok");
    aheadMs += 61_000;
    expect(await ping(token)).toBe(UNAUTHENTICATED);
    expect(await ping(forever.token)).toBe("ok");
    const { tokens } = await ask(application.token, "ListAccessTokens", { serviceAccountId: id });
    expect(tokens).toMatchObject([{ expireTime }, {}]);
    const past = { serviceAccountId: id, expireTime: "2020-01-01T00:00:00Z" };
    expect(await outcome(ask(application.token, "CreateAccessToken", past))).toBe(
      "3 ACCESS_TOKEN_EXPIRY_INVALID",
    );
  });

  test("a token that ends makes none that ends later, for whomever", async () => {
    const expireTime = new Date(Date.now() + aheadMs + 60_000).toISOString();
    const { id } = await account([here("ORG_USER_MANAGER")]);
    const { token } = await tokenFor(id, { expireTime });
    const other = await account();
    const late = new Date(Date.parse(expireTime) + 1).toISOString();
    const create = (serviceAccountId: string, change: JsonObject) =>
      ask(token, "CreateAccessToken", { serviceAccountId, ...change });
    for (const serviceAccountId of [id, other.id]) {
      for (const change of [{}, { expireTime: late }]) {
        expect(await outcome(create(serviceAccountId, change))).toBe("7 ACCESS_TOKEN_OUTLIVES_CALLER");
      }
      expect(await create(serviceAccountId, { expireTime })).toMatchObject({ accessToken: { expireTime } });
    }
    expect(await message(create(id, {}))).toMatch(
      /^The token would outlive the one that the call was made with, which ends in [1-5]?\d s$/,
    );
  });

  test("a deactivated account is refused until it is reactivated, whatever tokens it has", async () => {
    const { id, token } = await callerWith(here("ORG_USER_MANAGER"));
    const asAdmin = (method: string) => ask(application.token, method, { serviceAccountId: id });
    expect(await asAdmin("DeactivateServiceAccount")).toMatchObject({
      serviceAccount: { state: "SERVICE_ACCOUNT_STATE_INACTIVE" },
    });
    expect(await ping(token)).toBe(UNAUTHENTICATED);
    expect(await outcome(asAdmin("CreateAccessToken"))).toBe("9 SERVICE_ACCOUNT_NOT_ACTIVE");
    expect(await outcome(asAdmin("DeactivateServiceAccount"))).toBe("9 SERVICE_ACCOUNT_NOT_ACTIVE");
    await asAdmin("ReactivateServiceAccount");
    expect(await ping(token)).toBe("ok");
  });

  test("other roles count from the next call on", async () => {
    const { id, token } = await callerWith(here("ORG_USER_MANAGER"));
    const list = () => outcome(ask(token, "ListServiceAccounts", {}));
    expect(await list()).toBe("ok");
    await ask(application.token, "SetServiceAccountRoles", { serviceAccountId: id, roles: [] });
    expect(await list()).toBe("5 MEMBERSHIP_NOT_FOUND");
    expect(await ping(token)).toBe("ok");
  });

  test("an owner runs the accounts of its organization", async () => {
    const { token } = await callerWith(here("ORG_OWNER"));
    names += 1;
    const made = await ask(token, "CreateServiceAccount", {
      username: `robot-${names}`,
      roles: [{ role: "ORG_USER_MANAGER" }],
    });
    const serviceAccountId = textAt(made["serviceAccount"], "serviceAccountId");
    const ofIt = { serviceAccountId };
    const answer = await ask(token, "CreateAccessToken", ofIt);
    expect(await outcome(ask(textAt(answer, "token"), "ListServiceAccounts", {}))).toBe("ok");
    await ask(token, "SetServiceAccountRoles", { ...ofIt, roles: [{ role: "ORG_OWNER" }] });
    await ask(token, "DeactivateServiceAccount", ofIt);
    await ask(token, "ReactivateServiceAccount", ofIt);
    await ask(token, "RevokeAccessToken", {
      tokenId: textAt(answer["accessToken"], "tokenId"),
    });
    expect(await outcome(ask(textAt(answer, "token"), "ListServiceAccounts", {}))).toBe(UNAUTHENTICATED);
    await ask(token, "DeleteServiceAccount", ofIt);
  });

  test("nobody gets more than they have", async () => {
    const admin = await callerWith({ role: "IAM_OWNER" });
    const owner = await callerWith(here("ORG_OWNER"));
    const manager = await callerWith(here("ORG_USER_MANAGER"));
    const victim = await account();
    const create = (roles: JsonValue[]) => {
      names += 1;
      return { username: `robot-${names}`, roles };
    };
    const rows: [row: string, token: string, method: string, request: JsonObject, answer: string][] = [
      [
        "owner makes an owner of all",
        owner.token,
        "CreateServiceAccount",
        create([{ role: "IAM_OWNER" }]),
        DENIED,
      ],
      [
        "owner makes a viewer of all",
        owner.token,
        "CreateServiceAccount",
        create([{ role: "IAM_OWNER_VIEWER" }]),
        DENIED,
      ],
      [
        "owner makes an owner elsewhere",
        owner.token,
        "CreateServiceAccount",
        create([there("ORG_OWNER")]),
        DENIED,
      ],
      [
        "owner gives a role of all",
        owner.token,
        "SetServiceAccountRoles",
        { serviceAccountId: victim.id, roles: [{ role: "IAM_OWNER" }] },
        DENIED,
      ],
      [
        "owner makes itself owner of all",
        owner.token,
        "SetServiceAccountRoles",
        { serviceAccountId: owner.id, roles: [{ role: "IAM_OWNER" }] },
        "9 SERVICE_ACCOUNT_IS_CALLER",
      ],
      [
        "owner gets a token of the owner of all",
        owner.token,
        "CreateAccessToken",
        { serviceAccountId: admin.id },
        EXCEEDS,
      ],
      [
        "owner ends the owner of all",
        owner.token,
        "DeleteServiceAccount",
        { serviceAccountId: admin.id },
        EXCEEDS,
      ],
      [
        "owner stops the owner of all",
        owner.token,
        "DeactivateServiceAccount",
        { serviceAccountId: admin.id },
        EXCEEDS,
      ],
      [
        "owner takes the roles of the owner of all",
        owner.token,
        "SetServiceAccountRoles",
        { serviceAccountId: admin.id, roles: [] },
        DENIED,
      ],
      [
        "owner revokes a token of the owner of all",
        owner.token,
        "RevokeAccessToken",
        { tokenId: admin.tokenId },
        EXCEEDS,
      ],
      ["manager makes an owner", manager.token, "CreateServiceAccount", create([here("ORG_OWNER")]), DENIED],
      [
        "manager gets a token of the owner",
        manager.token,
        "CreateAccessToken",
        { serviceAccountId: owner.id },
        EXCEEDS,
      ],
      [
        "manager gives itself a role",
        manager.token,
        "SetServiceAccountRoles",
        { serviceAccountId: manager.id, roles: [here("ORG_OWNER")] },
        DENIED,
      ],
      [
        "a role that there is not",
        application.token,
        "CreateServiceAccount",
        create([{ role: "__proto__" }]),
        "3 ROLES_INVALID",
      ],
      [
        "a role without its organization's being there",
        application.token,
        "CreateServiceAccount",
        create([{ role: "ORG_OWNER", organizationId: "nowhere" }]),
        "7 ORGANIZATION_NOT_FOUND",
      ],
      [
        "the owner of all ends itself",
        admin.token,
        "DeleteServiceAccount",
        { serviceAccountId: admin.id },
        "9 SERVICE_ACCOUNT_IS_CALLER",
      ],
    ];
    for (const [row, token, method, request, answer] of rows) {
      expect([row, await outcome(ask(token, method, request))]).toEqual([row, answer]);
    }
    for (const { token } of [admin, owner, manager]) expect(await ping(token)).toBe("ok");
  });

  test("the last owner of an organization stays, unless the call is forced", async () => {
    names += 1;
    const organizationId = `owned-${names}`;
    await opened(openGrpc(application.url, OrganizationService))(application.token, "CreateOrganization", {
      organizationId,
      name: organizationId,
    });
    const roles = [{ role: "ORG_OWNER", organizationId }];
    const { id: serviceAccountId } = await account(roles, { organizationId });
    const asAdmin = (method: string, change: JsonObject = {}) =>
      ask(application.token, method, { serviceAccountId, ...change });
    const endings: [method: string, change: JsonObject][] = [
      ["SetServiceAccountRoles", { roles: [] }],
      ["DeactivateServiceAccount", {}],
      ["DeleteServiceAccount", {}],
    ];
    for (const [method, change] of endings) {
      expect([method, await outcome(asAdmin(method, change))]).toEqual([method, "9 LAST_OWNER"]);
      expect(await message(asAdmin(method, change))).toMatch(/give the role to another .*, or set force$/);
    }
    expect(await asAdmin("GetServiceAccount")).toMatchObject({
      serviceAccount: { roles, state: "SERVICE_ACCOUNT_STATE_ACTIVE" },
    });
    await asAdmin("DeactivateServiceAccount", { force: true });
    await asAdmin("ReactivateServiceAccount");
    await asAdmin("SetServiceAccountRoles", { roles: [], force: true });
    await asAdmin("SetServiceAccountRoles", { roles });
    await asAdmin("DeleteServiceAccount", { force: true });
  });

  test("an owner of one organization has nothing in another", async () => {
    const { token } = await callerWith({ role: "ORG_OWNER", organizationId: EMPTY });
    const { id, tokenId } = await callerWith(here("ORG_USER_MANAGER"));
    const { organizationId } = application;
    names += 1;
    const rows: [method: string, request: JsonObject][] = [
      ["GetServiceAccount", { serviceAccountId: id }],
      ["ListServiceAccounts", { organizationId }],
      ["CreateServiceAccount", { username: `robot-${names}`, organizationId }],
      ["SetServiceAccountRoles", { serviceAccountId: id, roles: [] }],
      ["DeactivateServiceAccount", { serviceAccountId: id }],
      ["ReactivateServiceAccount", { serviceAccountId: id }],
      ["DeleteServiceAccount", { serviceAccountId: id }],
      ["CreateAccessToken", { serviceAccountId: id }],
      ["ListAccessTokens", { organizationId }],
      ["RevokeAccessToken", { tokenId }],
    ];
    for (const [method, request] of rows) {
      const answer = method === "RevokeAccessToken" ? "5 ACCESS_TOKEN_NOT_FOUND" : DENIED;
      expect([method, await outcome(ask(token, method, request))]).toEqual([method, answer]);
    }
    expect(rows.map(([method]) => method).toSorted()).toEqual(
      AccessService.methods.map(({ name }) => name).toSorted(),
    );
    expect(await ask(token, "ListServiceAccounts", {})).toEqual({});
    expect(await ask(token, "ListAccessTokens", { serviceAccountId: id })).toEqual({});
    expect(await message(ask(token, "DeactivateServiceAccount", { serviceAccountId: id }))).toBe(
      "No matching permissions found (AUTH-Swrgg2)",
    );
  });

  test("without a role, an account reads and ends what is its own, and nothing else", async () => {
    const { id, token, tokenId } = await callerWith();
    const other = await callerWith();
    expect(await ask(token, "GetServiceAccount", { serviceAccountId: id })).toMatchObject({
      serviceAccount: { serviceAccountId: id },
    });
    expect(await outcome(ask(token, "GetServiceAccount", { serviceAccountId: other.id }))).toBe(
      "5 MEMBERSHIP_NOT_FOUND",
    );
    expect(await ask(token, "ListAccessTokens", { serviceAccountId: id })).toMatchObject({
      tokens: [{ tokenId }],
    });
    for (const request of [{}, { serviceAccountId: other.id }]) {
      expect(await outcome(ask(token, "ListAccessTokens", request))).toBe("5 MEMBERSHIP_NOT_FOUND");
    }
    expect(await outcome(ask(token, "CreateAccessToken", { serviceAccountId: id }))).toBe(
      "5 MEMBERSHIP_NOT_FOUND",
    );
    expect(await outcome(ask(token, "RevokeAccessToken", { tokenId: other.tokenId }))).toBe(
      "5 ACCESS_TOKEN_NOT_FOUND",
    );
    expect(await outcome(ask(token, "RevokeAccessToken", { tokenId }))).toBe("ok");
    expect(await ping(token)).toBe(UNAUTHENTICATED);
  });

  test("ZITADEL's words for what is not allowed", async () => {
    const nobody = await callerWith();
    const viewer = await callerWith(here("ORG_OWNER_VIEWER"));
    const { id } = await account();
    const deactivate = (token: string) =>
      message(ask(token, "DeactivateServiceAccount", { serviceAccountId: id }));
    expect(await deactivate("")).toBe("auth header missing");
    expect(await deactivate("cs_wrong")).toBe("Errors.Token.Invalid (AUTH-7fs1e)");
    expect(await deactivate(nobody.token)).toBe("membership not found (AUTHZ-cdgFk)");
    expect(await deactivate(viewer.token)).toBe("No matching permissions found (AUTH-5mWD2)");
    const revoke = await message(ask(viewer.token, "RevokeAccessToken", { tokenId: nobody.tokenId }));
    expect(revoke).toBe("No matching permissions found (AUTH-AWfge)");
  });

  test("the header x-zitadel-orgid says where an account belongs, and has to name an organization", async () => {
    names += 1;
    const request = { username: `robot-${names}`, roles: [{ role: "ORG_USER_MANAGER" }] };
    const create = (organizationId: string) =>
      ask(application.token, "CreateServiceAccount", request, { "x-zitadel-orgid": organizationId });
    expect(await message(create("nowhere"))).toBe("Organisation doesn't exist (AUTH-Bs7Ds)");
    expect(await create(OTHER)).toMatchObject({
      serviceAccount: { organizationId: OTHER, roles: [there("ORG_USER_MANAGER")] },
    });
  });

  test("lists come in pages, whose tokens are good for their own list", async () => {
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) made.push((await account([], { organizationId: OTHER })).id);
    const found: string[] = [];
    let pageToken = "";
    do {
      const request = { organizationId: OTHER, pageSize: 2, pageToken };
      const page = await ask(application.token, "ListServiceAccounts", request);
      const accounts = (page["serviceAccounts"] ?? []) as JsonObject[];
      expect(accounts.length).toBeLessThanOrEqual(2);
      found.push(...accounts.map((each) => textAt(each, "serviceAccountId")));
      pageToken = typeof page["nextPageToken"] === "string" ? page["nextPageToken"] : "";
      if (pageToken !== "") {
        for (const [method, other] of [
          ["ListServiceAccounts", { pageToken }],
          ["ListAccessTokens", { organizationId: OTHER, pageToken }],
        ] as const) {
          expect(await outcome(ask(application.token, method, other))).toBe("3 REQUEST_INVALID");
        }
      }
    } while (pageToken !== "");
    expect(found).toEqual(expect.arrayContaining(made));
    expect(found).toEqual([...new Set(found)].toSorted());
    expect(await outcome(ask(application.token, "ListAccessTokens", { pageSize: 1_001 }))).toBe(
      "3 REQUEST_INVALID",
    );
  });

  test("requests that break a rule", async () => {
    const rows: [method: string, request: JsonObject, answer: string][] = [
      ["CreateServiceAccount", {}, "3 REQUEST_INVALID"],
      ["CreateServiceAccount", { username: "x".repeat(201) }, "3 REQUEST_INVALID"],
      ["CreateServiceAccount", { username: "   " }, "3 SERVICE_ACCOUNT_INVALID"],
      ["CreateServiceAccount", { username: "countersign-admin" }, "6 SERVICE_ACCOUNT_ALREADY_EXISTS"],
      [
        "CreateServiceAccount",
        { username: "many", roles: Array.from({ length: 51 }, () => ({ role: "ORG_OWNER" })) },
        "3 ROLES_INVALID",
      ],
      ["GetServiceAccount", { serviceAccountId: "x".repeat(201) }, "3 REQUEST_INVALID"],
      ["CreateAccessToken", { serviceAccountId: "nobody" }, "5 SERVICE_ACCOUNT_NOT_FOUND"],
      ["RevokeAccessToken", { tokenId: "nothing" }, "5 ACCESS_TOKEN_NOT_FOUND"],
    ];
    for (const [method, request, answer] of rows) {
      expect([method, request, await outcome(ask(application.token, method, request))]).toEqual([
        method,
        request,
        answer,
      ]);
    }
  });
});

test("a token is nowhere in the database, nor is it logged", async () => {
  const ask = opened(openGrpc(application.url, AccessService));
  const deliveries = opened(openGrpc(application.url, DeliveryService));
  names += 1;
  const made = await ask(application.token, "CreateServiceAccount", {
    username: `robot-${names}`,
    roles: [{ role: "IAM_OWNER" }],
  });
  const id = textAt(made["serviceAccount"], "serviceAccountId");
  const token = textAt(await ask(application.token, "CreateAccessToken", { serviceAccountId: id }), "token");
  expect(await outcome(deliveries(token, "ListDeliveries", {}))).toBe("ok");
  for (const [name, content] of await application.database.contents()) {
    expect([name, content.includes(token), content.includes(token.slice(3))]).toEqual([name, false, false]);
  }
  expect(application.errors).toEqual([]);
});
