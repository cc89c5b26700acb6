/** Service accounts: who makes them, changes them and gives them roles, and that nobody gives more than they have. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../src/verification/caller.ts";
import { ROLE_PERMISSIONS, type RoleGrant } from "../../../src/verification/roles.ts";
import {
  serviceAccountDecider,
  type ServiceAccountCommand,
  type ServiceAccountEvent,
  type ServiceAccountState,
} from "../../../src/verification/service-account.ts";
import { ANSWERS } from "./answers.ts";
import { CALLERS, ORG, OTHER_ORG, Scenario, only, told } from "./given.ts";
import { holding, OWNER_ELSEWHERE, withRoles } from "./role-callers.ts";
import { addUser, givenUser } from "./user/user-data.ts";

type Account = Scenario<ServiceAccountState, ServiceAccountCommand, ServiceAccountEvent, null>;

const OWNER_HERE: RoleGrant = { role: "ORG_OWNER", organizationId: ORG };
const MANAGER_HERE: RoleGrant = { role: "ORG_USER_MANAGER", organizationId: ORG };
const VIEWER_HERE: RoleGrant = { role: "ORG_OWNER_VIEWER", organizationId: ORG };
const OWNER_THERE: RoleGrant = { role: "ORG_OWNER", organizationId: OTHER_ORG };
const IAM_OWNER: RoleGrant = { role: "IAM_OWNER" };

const add = (change: Partial<Extract<ServiceAccountCommand, { type: "serviceAccount.add" }>> = {}) =>
  ({
    type: "serviceAccount.add",
    serviceAccountId: "sa1",
    organizationId: ORG,
    username: "Robot",
    roles: [],
    ...change,
  }) as const;
const setRoles = (...roles: readonly RoleGrant[]) =>
  ({ type: "serviceAccount.setRoles", serviceAccountId: "sa1", roles }) as const;
const lifeCycle = (what: "deactivate" | "reactivate" | "remove") =>
  ({ type: `serviceAccount.${what}`, serviceAccountId: "sa1" }) as const;

function given(...roles: readonly RoleGrant[]): Account {
  const scenario: Account = new Scenario(serviceAccountDecider);
  scenario.when(add({ roles }), { caller: CALLERS.system });
  return scenario;
}

const caller = holding("IAM_OWNER");
const EXISTS = "already_exists: Service account already exists";
const NOT_FOUND = "not_found: There is no such service account";
const EXCEEDS = "permission_denied: The roles allow more than the caller may do";
const IS_CALLER = "failed_precondition: A service account cannot change its own roles, or end itself";

describe("serviceAccount.add", () => {
  test("takes its id and its username", () => {
    const scenario: Account = new Scenario(serviceAccountDecider);
    expect(told(scenario.when(add({ roles: [OWNER_HERE], username: " Robot " }), { caller }))).toEqual({
      ...only(null, {
        events: [{ type: "user.machine.added", payload: { userName: "Robot", roles: [OWNER_HERE] } }],
        claims: [
          { action: "take", scope: "subject", value: "sa1" },
          { action: "take", scope: "username", value: "robot" },
        ],
      }),
      organizationId: ORG,
    });
    expect(scenario.state).toMatchObject({
      sequence: 1,
      status: "active",
      username: "Robot",
      roles: [OWNER_HERE],
    });
  });

  test.each([
    ["unknown organization", { organizationId: "nowhere" }, ANSWERS.organizationUnknown],
    ["id taken by a user", { serviceAccountId: "user1" }, EXISTS],
    ["username taken by a user", { username: " ADA " }, EXISTS],
    ["no id", { serviceAccountId: " " }, /^invalid_argument: .*service_account_id takes/],
    ["id on two lines", { serviceAccountId: "a\nb" }, /^invalid_argument: .*service_account_id takes/],
    ["no username", { username: "  " }, /^invalid_argument: .*username takes/],
    ["long username", { username: "a".repeat(201) }, /^invalid_argument: .*username takes/],
    ["role of an unknown organization", { roles: [{ ...OWNER_HERE, organizationId: "x" }] }, /AUTH-Bs7Ds/],
    [
      "unknown role",
      { roles: [{ role: "ORG_KING", organizationId: ORG }] },
      /^invalid_argument: .*no such role/,
    ],
    ["a name of Object's", { roles: [{ role: "constructor" }] }, /^invalid_argument: .*no such role/],
    [
      "role without its organization",
      { roles: [{ role: "ORG_OWNER" }] },
      /^invalid_argument: .*ORG_OWNER is/,
    ],
    [
      "a role for all, for one",
      { roles: [{ role: "IAM_OWNER", organizationId: ORG }] },
      /^invalid_argument: .*for all/,
    ],
    ["a role twice", { roles: [OWNER_HERE, OWNER_HERE] }, /^invalid_argument: .*twice/],
    [
      "too many roles",
      { roles: Array.from({ length: 51 }, () => OWNER_HERE) },
      /^invalid_argument: .*at most 50/,
    ],
  ] as const)("%s", (_row, change, answer) => {
    const scenario: Account = new Scenario(serviceAccountDecider);
    for (const claim of ["subject:user1", "username:ada"]) scenario.claims.set(claim, "user1");
    const decision = told(scenario.when(add(change as object), { caller }));
    expect(decision).toEqual(only(typeof answer === "string" ? answer : expect.stringMatching(answer)));
  });

  test("a user cannot take its id or username", () => {
    const accounts = given();
    const users = givenUser();
    for (const [claim, holder] of accounts.claims) users.claims.set(claim, holder);
    expect(told(users.when(addUser({ userId: "sa1" }))).outcome).toBe(ANSWERS.userExists);
    expect(told(users.when(addUser({ username: "ROBOT" }))).outcome).toBe(ANSWERS.usernameTaken);
  });
});

/** Who may give what, in ORG. */
const GIVING: readonly (readonly [
  by: string,
  Caller,
  given: readonly RoleGrant[],
  outcome: string | null,
])[] = [
  ["system", CALLERS.system, [IAM_OWNER], null],
  ["anonymous", CALLERS.anonymous, [], ANSWERS.noCredential],
  ["nobody", withRoles(), [], ANSWERS.noMembership],
  ["IAM_OWNER", holding("IAM_OWNER"), [IAM_OWNER, OWNER_HERE, OWNER_THERE], null],
  ["IAM_ORG_MANAGER", holding("IAM_ORG_MANAGER"), [OWNER_HERE, OWNER_THERE], null],
  ["IAM_ORG_MANAGER", holding("IAM_ORG_MANAGER"), [IAM_OWNER], ANSWERS.noPermission],
  ["IAM_ORG_MANAGER", holding("IAM_ORG_MANAGER"), [{ role: "IAM_ORG_MANAGER" }], ANSWERS.noPermission],
  ["IAM_USER_MANAGER", holding("IAM_USER_MANAGER"), [], null],
  ["IAM_USER_MANAGER", holding("IAM_USER_MANAGER"), [VIEWER_HERE], ANSWERS.noPermission],
  ["IAM_OWNER_VIEWER", holding("IAM_OWNER_VIEWER"), [], ANSWERS.noPermission],
  ["ORG_OWNER", holding("ORG_OWNER"), [OWNER_HERE], null],
  ["ORG_OWNER", holding("ORG_OWNER"), [MANAGER_HERE, VIEWER_HERE], null],
  ["ORG_OWNER", holding("ORG_OWNER"), [{ role: "ORG_USER_SELF_MANAGER", organizationId: ORG }], null],
  ["ORG_OWNER", holding("ORG_OWNER"), [OWNER_THERE], ANSWERS.noPermissionHere],
  ["ORG_OWNER", holding("ORG_OWNER"), [IAM_OWNER], ANSWERS.noPermission],
  ["ORG_OWNER", holding("ORG_OWNER"), [{ role: "IAM_OWNER_VIEWER" }], ANSWERS.noPermission],
  ["ORG_OWNER of both", withRoles(OWNER_HERE, OWNER_THERE), [OWNER_HERE, OWNER_THERE], null],
  ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, [], ANSWERS.noPermissionHere],
  ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, [OWNER_HERE], ANSWERS.noPermissionHere],
  ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), [], null],
  ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), [MANAGER_HERE], ANSWERS.noPermission],
  ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), [OWNER_HERE], ANSWERS.noPermission],
  ["ORG_OWNER_VIEWER", holding("ORG_OWNER_VIEWER"), [], ANSWERS.noPermission],
  [
    "who may give roles here, but reads only",
    { ...withRoles(), grants: [{ permissions: ["user.write", "org.member.write"], organizationId: ORG }] },
    [VIEWER_HERE],
    EXCEEDS,
  ],
];

describe("giving roles", () => {
  test.each(GIVING)("%s makes an account: %#", (_by, by, roles, outcome) => {
    const scenario: Account = new Scenario(serviceAccountDecider);
    expect(told(scenario.when(add({ roles }), { caller: by })).outcome).toBe(outcome);
    expect(scenario.events).toHaveLength(outcome === null ? 1 : 0);
  });

  test.each(GIVING)("%s changes an account: %#", (_by, by, roles, outcome) => {
    const scenario = given();
    expect(told(scenario.when(setRoles(...roles), { caller: by })).outcome).toBe(outcome);
    expect(scenario.state.roles).toEqual(outcome === null ? roles : []);
  });
});

describe("serviceAccount.setRoles", () => {
  test("puts the roles in the place of those before", () => {
    const scenario = given(OWNER_HERE, VIEWER_HERE);
    expect(told(scenario.when(setRoles(VIEWER_HERE, MANAGER_HERE), { caller }))).toEqual(
      only(null, {
        events: [{ type: "user.machine.roles.changed", payload: { roles: [VIEWER_HERE, MANAGER_HERE] } }],
      }),
    );
    expect(scenario.state.roles).toEqual([VIEWER_HERE, MANAGER_HERE]);
    expect(told(scenario.when(setRoles(MANAGER_HERE, VIEWER_HERE), { caller }))).toEqual(only(null));
  });

  test.each<[string, RoleGrant]>([
    ["an owner of all", IAM_OWNER],
    ["an owner of another organization", OWNER_THERE],
  ])("nobody takes a role that they could not give: %s", (_row, role) => {
    const by = holding("ORG_OWNER");
    const { outcome } = told(given(role).when(setRoles(), { caller: by }));
    expect([ANSWERS.noPermission, ANSWERS.noPermissionHere]).toContain(outcome);
  });

  test("nor their own, more or fewer", () => {
    const self = { ...caller, userId: "sa1" };
    expect(told(given().when(setRoles(OWNER_HERE), { caller: self }))).toEqual(only(IS_CALLER));
    expect(told(given(IAM_OWNER).when(setRoles(), { caller: self }))).toEqual(only(IS_CALLER));
  });

  test("not of an account that is gone", () => {
    expect(told(new Scenario(serviceAccountDecider).when(setRoles(), { caller }))).toEqual(only(NOT_FOUND));
    const scenario = given();
    scenario.when(lifeCycle("remove"), { caller });
    expect(told(scenario.when(setRoles(), { caller }))).toEqual(only(NOT_FOUND));
  });
});

describe("the life of an account", () => {
  const run = (scenario: Account, ...commands: readonly ("deactivate" | "reactivate" | "remove")[]) =>
    commands.map((command) => told(scenario.when(lifeCycle(command), { caller })).outcome);

  test("deactivated, reactivated, removed", () => {
    const scenario = given(OWNER_HERE);
    expect(run(scenario, "deactivate", "reactivate", "deactivate", "remove")).toEqual(Array(4).fill(null));
    expect(scenario.events.slice(1)).toEqual(
      ["user.deactivated", "user.reactivated", "user.deactivated", "user.removed"].map((type) => ({
        type,
        payload: {},
      })),
    );
    expect(scenario.state).toMatchObject({ status: "deleted", roles: [], username: "Robot" });
    expect([...scenario.claims.keys()]).toEqual(["subject:sa1"]);
  });

  test("what does not fit its state is refused", () => {
    const NOT_ACTIVE = "failed_precondition: The service account is not active";
    const NOT_INACTIVE = "failed_precondition: The service account is not inactive";
    expect(run(given(), "reactivate")).toEqual([NOT_INACTIVE]);
    expect(run(given(), "deactivate", "deactivate")).toEqual([null, NOT_ACTIVE]);
    expect(run(given(), "remove", "remove", "deactivate", "reactivate")).toEqual([
      null,
      NOT_FOUND,
      NOT_FOUND,
      NOT_FOUND,
    ]);
    expect(run(new Scenario(serviceAccountDecider), "deactivate", "remove")).toEqual([NOT_FOUND, NOT_FOUND]);
  });

  const COMMANDS = [lifeCycle("deactivate"), lifeCycle("remove")] as const;

  test.each(COMMANDS)("$type of oneself is refused", (command) => {
    const self = { ...caller, userId: "sa1" };
    expect(told(given(OWNER_HERE).when(command, { caller: self }))).toEqual(only(IS_CALLER));
  });

  describe.each(COMMANDS)("$type", (command) => {
    test.each<[string, Caller, readonly RoleGrant[], string | null]>([
      ["IAM_OWNER", holding("IAM_OWNER"), [IAM_OWNER], null],
      ["ORG_OWNER", holding("ORG_OWNER"), [OWNER_HERE], null],
      ["ORG_OWNER, an owner of all", holding("ORG_OWNER"), [IAM_OWNER], EXCEEDS],
      ["ORG_OWNER, an owner elsewhere", holding("ORG_OWNER"), [OWNER_HERE, OWNER_THERE], EXCEEDS],
      ["ORG_OWNER elsewhere", OWNER_ELSEWHERE, [], ANSWERS.noPermissionHere],
      ["ORG_USER_MANAGER", holding("ORG_USER_MANAGER"), [MANAGER_HERE], null],
      ["ORG_USER_MANAGER, an owner", holding("ORG_USER_MANAGER"), [OWNER_HERE], EXCEEDS],
      ["ORG_OWNER_VIEWER", holding("ORG_OWNER_VIEWER"), [], ANSWERS.noPermission],
      ["nobody", withRoles(), [], ANSWERS.noMembership],
    ])("by %s", (_row, by, roles, outcome) => {
      expect(told(given(...roles).when(command, { caller: by })).outcome).toBe(outcome);
    });
  });

  test("what an account of unknown roles holds is nothing", () => {
    const scenario: Account = new Scenario(serviceAccountDecider, [
      {
        type: "user.machine.added",
        payload: {
          userName: "Robot",
          roles: [{ role: "ORG_KING", organizationId: ORG }, { role: "ORG_OWNER" }],
        },
      },
    ]);
    expect(
      told(scenario.when(lifeCycle("deactivate"), { caller: holding("ORG_USER_MANAGER") })).outcome,
    ).toBeNull();
  });
});

describe("the last owner", () => {
  const LAST_HERE = `failed_precondition: The account is the last active one with the role ORG_OWNER for the organization ${ORG}: give the role to another account first, or set force`;
  const LAST_OF_ALL =
    "failed_precondition: The account is the last active one with the role IAM_OWNER: give the role to another account first";
  const DEMOTE = setRoles(MANAGER_HERE);
  const ENDINGS = [DEMOTE, lifeCycle("deactivate"), lifeCycle("remove")] as const;

  /** @param owners of ORG and of all organizations, beside those that no test is about elsewhere */
  function owned(roles: readonly RoleGrant[], owners: readonly string[]): Account {
    const scenario = given(...roles);
    for (const organizationId of [ORG, ""]) scenario.owners.set(organizationId, owners);
    return scenario;
  }

  describe.each(ENDINGS)("$type", (command) => {
    test.each<[string, readonly RoleGrant[], readonly string[], string | null, string | null]>([
      ["of an organization", [OWNER_HERE], ["sa1"], LAST_HERE, null],
      ["of two organizations, of one the last", [OWNER_THERE, OWNER_HERE], ["sa1"], LAST_HERE, null],
      ["of all", [IAM_OWNER], ["sa1"], LAST_OF_ALL, LAST_OF_ALL],
      ["of both", [OWNER_HERE, IAM_OWNER], ["sa1"], LAST_HERE, LAST_OF_ALL],
      ["one of two", [OWNER_HERE, IAM_OWNER], ["sa1", "sa2"], null, null],
      ["not an owner", [VIEWER_HERE, { role: "IAM_ORG_MANAGER" }], [], null, null],
    ])("%s", (_row, roles, owners, outcome, forced) => {
      const end = (change: object) =>
        told(
          owned(roles, owners).when({ ...command, ...change }, { caller: withRoles(IAM_OWNER, OWNER_HERE) }),
        );
      expect(end({}).outcome).toBe(outcome);
      expect(end({ force: false }).outcome).toBe(outcome);
      expect(end({ force: true }).outcome).toBe(forced);
    });
  });

  test("may lose other roles", () => {
    const scenario = owned([OWNER_HERE, VIEWER_HERE], ["sa1"]);
    expect(told(scenario.when(setRoles(OWNER_HERE), { caller })).outcome).toBeNull();
  });

  test("is not one that is inactive", () => {
    for (const command of [DEMOTE, lifeCycle("remove")]) {
      const scenario = owned([OWNER_HERE], ["sa1"]);
      scenario.when(lifeCycle("deactivate"), { caller: CALLERS.system });
      scenario.owners.set(ORG, []);
      expect(told(scenario.when(command, { caller })).outcome).toBeNull();
    }
  });

  test("is told to nobody who may not end it", () => {
    const by = holding("ORG_USER_MANAGER");
    expect(told(owned([OWNER_HERE], ["sa1"]).when(lifeCycle("remove"), { caller: by })).outcome).toBe(
      EXCEEDS,
    );
  });
});

test("an owner of an organization holds all that can be held in it", () => {
  const owner = new Set(ROLE_PERMISSIONS["ORG_OWNER"]);
  for (const [role, permissions] of Object.entries(ROLE_PERMISSIONS)) {
    if (role.startsWith("ORG_")) expect(permissions.filter((each) => !owner.has(each))).toEqual([]);
  }
  const all = new Set(Object.values(ROLE_PERMISSIONS).flat());
  expect([...all].filter((each) => !ROLE_PERMISSIONS["IAM_OWNER"]?.includes(each))).toEqual([]);
});
