/** Access tokens: who may have one made, when one is over, and the token of the first start. */
import { describe, expect, test } from "@jest/globals";
import {
  accessTokenDecider,
  type AccessTokenCommand,
  type AccessTokenEvent,
  type AccessTokenState,
} from "../../../src/verification/access-token.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import type { RoleGrant } from "../../../src/verification/roles.ts";
import {
  UNKNOWN_SERVICE_ACCOUNT,
  type ServiceAccountState,
} from "../../../src/verification/service-account.ts";
import { ANSWERS } from "./answers.ts";
import { CALLERS, NOW, ORG, OTHER_ORG, Scenario, only, told } from "./given.ts";
import { holding, OWNER_ELSEWHERE, withRoles } from "./role-callers.ts";

type Token = Scenario<AccessTokenState, AccessTokenCommand, AccessTokenEvent, null>;

const OWNER_HERE: RoleGrant = { role: "ORG_OWNER", organizationId: ORG };
const OWNER_THERE: RoleGrant = { role: "ORG_OWNER", organizationId: OTHER_ORG };

const add = (expiresAtMs: number | null = null) =>
  ({ type: "accessToken.add", tokenId: "t1", serviceAccountId: "sa1", hash: "h1", expiresAtMs }) as const;
const revoke = { type: "accessToken.revoke", tokenId: "t1" } as const;
const set = (hash = "h1") =>
  ({ type: "accessToken.set", tokenId: "t1", organizationId: ORG, serviceAccountId: "sa1", hash }) as const;

function given(change: Partial<ServiceAccountState> = {}): Token {
  const scenario: Token = new Scenario(accessTokenDecider);
  scenario.serviceAccounts.set("sa1", {
    ...UNKNOWN_SERVICE_ACCOUNT,
    sequence: 1,
    status: "active",
    organizationId: ORG,
    username: "Robot",
    ...change,
  });
  return scenario;
}

const caller = holding("IAM_OWNER");
const EXCEEDS = "permission_denied: The roles allow more than the caller may do";
const NO_ACCOUNT = "not_found: There is no such service account";
const NO_TOKEN = "not_found: There is no such access token";

const added = (change: object = {}) => ({
  ...only(null, {
    events: [{ type: "user.pat.added", payload: { serviceAccountId: "sa1", hash: "h1", ...change } }],
  }),
  organizationId: ORG,
});

describe("accessToken.add", () => {
  test("without an end", () => {
    const scenario = given();
    expect(told(scenario.when(add(), { caller }))).toEqual(added());
    expect(scenario.state).toMatchObject({
      sequence: 1,
      organizationId: ORG,
      serviceAccountId: "sa1",
      hash: "h1",
      addedAtMs: NOW,
      expiresAtMs: null,
      revokedAtMs: null,
    });
  });

  test("with an end", () => {
    const scenario = given();
    expect(told(scenario.when(add(NOW + 1_000), { caller }))).toEqual(added({ expiresAtMs: NOW + 1_000 }));
    expect(scenario.state.expiresAtMs).toBe(NOW + 1_000);
  });

  test.each([0, -1, NOW - 1, NOW, Date.UTC(10_000, 0), Number.NaN, Infinity])(
    "not with an end at %d",
    (at) => {
      expect(told(given().when(add(at), { caller }))).toEqual(
        only("invalid_argument: The token cannot expire at that time"),
      );
    },
  );

  test.each<[string, Caller, Partial<ServiceAccountState>, string | null]>([
    ["system", CALLERS.system, {}, null],
    ["anonymous", CALLERS.anonymous, {}, ANSWERS.noCredential],
    ["nobody", withRoles(), {}, ANSWERS.noMembership],
    ["IAM_OWNER", caller, { roles: [{ role: "IAM_OWNER" }] }, null],
    ["ORG_OWNER", holding("ORG_OWNER"), { roles: [OWNER_HERE] }, null],
    ["ORG_OWNER, of an owner of all", holding("ORG_OWNER"), { roles: [{ role: "IAM_OWNER" }] }, EXCEEDS],
    ["ORG_OWNER, of one with a role elsewhere", holding("ORG_OWNER"), { roles: [OWNER_THERE] }, EXCEEDS],
    ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, {}, ANSWERS.noPermissionHere],
    ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), {}, null],
    ["ORG_USER_MANAGER, of an owner", holding("ORG_USER_MANAGER"), { roles: [OWNER_HERE] }, EXCEEDS],
    ["ORG_OWNER_VIEWER", holding("ORG_OWNER_VIEWER"), {}, ANSWERS.noPermission],
    [
      "the account itself, without the permission",
      { ...withRoles(), userId: "sa1" },
      {},
      ANSWERS.noMembership,
    ],
    ["of a removed account", caller, { status: "deleted" }, NO_ACCOUNT],
    [
      "of an inactive account",
      caller,
      { status: "inactive" },
      "failed_precondition: The service account is not active",
    ],
  ])("by %s", (_row, by, account, outcome) => {
    const scenario = given(account);
    expect(told(scenario.when(add(), { caller: by })).outcome).toBe(outcome);
    expect(scenario.events).toHaveLength(outcome === null ? 1 : 0);
  });

  test.each<[ends: string, expiresAtMs: number | null, outcome: unknown]>([
    ["never", null, expect.stringMatching(/^permission_denied: .* outlive .* ends in 5 s$/)],
    ["later", NOW + 5_001, expect.stringMatching(/^permission_denied: .* outlive /)],
    ["at the same time", NOW + 5_000, null],
    ["earlier", NOW + 4_999, null],
    ["before it was asked for", NOW, "invalid_argument: The token cannot expire at that time"],
  ])("with a token that ends, one that ends %s", (_row, expiresAtMs, outcome) => {
    const by = { ...caller, credentialExpiresAtMs: NOW + 5_000 };
    expect(told(given().when(add(expiresAtMs), { caller: by })).outcome).toEqual(outcome);
  });

  test("with a token that ends beyond all times, one without an end", () => {
    const by = { ...caller, credentialExpiresAtMs: Infinity };
    expect(told(given().when(add(), { caller: by }))).toEqual(added());
  });

  test("of nobody", () => {
    expect(told(new Scenario(accessTokenDecider).when(add(), { caller }))).toEqual(only(NO_ACCOUNT));
  });

  test("an id is not given out twice, whatever became of the token", () => {
    const scenario = given();
    scenario.when(add(), { caller });
    scenario.when(revoke, { caller });
    expect(() => scenario.when(add(), { caller })).toThrow(TypeError);
  });
});

describe("accessToken.revoke", () => {
  const issued = (change: Partial<ServiceAccountState> = {}) => {
    const scenario = given();
    scenario.when(add(), { caller: CALLERS.system });
    const account = scenario.serviceAccounts.get("sa1") ?? UNKNOWN_SERVICE_ACCOUNT;
    scenario.serviceAccounts.set("sa1", { ...account, ...change });
    return scenario;
  };

  test("once; again changes nothing", () => {
    const scenario = issued();
    const revoked = told(scenario.when(revoke, { caller }));
    expect(revoked).toEqual(only(null, { events: [{ type: "user.pat.removed", payload: {} }] }));
    expect(scenario.state).toMatchObject({ sequence: 2, hash: "h1", revokedAtMs: NOW });
    expect(told(scenario.when(revoke, { caller, nowMs: NOW + 1 }))).toEqual(only(null));
  });

  test("none that there is not", () => {
    expect(told(given().when(revoke, { caller }))).toEqual(only(NO_TOKEN));
    expect(told(issued({ status: "deleted" }).when(revoke, { caller }))).toEqual(only(NO_TOKEN));
  });

  test.each<[string, Caller, Partial<ServiceAccountState>, string | null]>([
    ["the account itself", { ...withRoles(), userId: "sa1" }, { roles: [{ role: "IAM_OWNER" }] }, null],
    ["nobody", withRoles(), {}, NO_TOKEN],
    ["ORG_OWNER", holding("ORG_OWNER"), { roles: [OWNER_HERE] }, null],
    ["ORG_OWNER, of an inactive account", holding("ORG_OWNER"), { status: "inactive" }, null],
    ["ORG_OWNER, of an owner of all", holding("ORG_OWNER"), { roles: [{ role: "IAM_OWNER" }] }, EXCEEDS],
    ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, {}, NO_TOKEN],
    ["ORG_USER_MANAGER, of an owner", holding("ORG_USER_MANAGER"), { roles: [OWNER_HERE] }, EXCEEDS],
    ["ORG_OWNER_VIEWER", holding("ORG_OWNER_VIEWER"), {}, ANSWERS.noPermission],
    ["anonymous", CALLERS.anonymous, {}, NO_TOKEN],
  ])("by %s", (_row, by, account, outcome) => {
    const scenario = issued(account);
    expect(told(scenario.when(revoke, { caller: by })).outcome).toBe(outcome);
    expect(scenario.state.revokedAtMs).toBe(outcome === null ? NOW : null);
  });
});

describe("accessToken.set", () => {
  const bySystem = { caller: CALLERS.system };

  test("again with the same hash changes nothing, with another replaces it", () => {
    const scenario = given();
    expect(told(scenario.when(set(), bySystem))).toEqual(added());
    expect(told(scenario.when(set(), bySystem))).toEqual(only(null));
    expect(told(scenario.when(set("h2"), bySystem))).toEqual(added({ hash: "h2" }));
    expect(scenario.state).toMatchObject({ sequence: 2, serviceAccountId: "sa1", hash: "h2" });
  });

  test("a revoked token stays revoked, another hash takes its place", () => {
    const scenario = given();
    scenario.when(set(), bySystem);
    scenario.when(revoke, bySystem);
    expect(told(scenario.when(set(), bySystem))).toEqual(only(null));
    expect(scenario.state.revokedAtMs).toBe(NOW);
    scenario.when(set("h2"), bySystem);
    expect(scenario.state).toMatchObject({ hash: "h2", revokedAtMs: null });
  });

  test.each([caller, withRoles(), CALLERS.anonymous])("by nobody but Countersign itself: %#", (by) => {
    expect(told(given().when(set(), { caller: by }))).toEqual(only(ANSWERS.noPermission));
  });
});
