/** Organizations, service accounts and tokens, and which command goes to which aggregate. */
import { describe, expect, test } from "@jest/globals";
import { accessTokenDecider, type AccessTokenCommand } from "../../../src/verification/access-token.ts";
import {
  aggregateOf,
  deciderOf,
  type AggregateType,
  type Command,
} from "../../../src/verification/aggregates.ts";
import { organizationDecider, type OrganizationCommand } from "../../../src/verification/organization.ts";
import {
  serviceAccountDecider,
  type ServiceAccountCommand,
} from "../../../src/verification/service-account.ts";
import { ANSWERS } from "./answers.ts";
import { NOW, ORG, Scenario, only, told } from "./given.ts";
import { addUser, givenUser, sendCode, verify } from "./user/user-data.ts";

const addOrganization: OrganizationCommand = {
  type: "organization.add",
  organizationId: "org3",
  name: "Third",
};
const addServiceAccount: ServiceAccountCommand = {
  type: "serviceAccount.add",
  serviceAccountId: "sa1",
  organizationId: ORG,
  username: "Robot",
  roles: [{ role: "ORG_OWNER", organizationId: ORG }],
};
const setToken: AccessTokenCommand = {
  type: "accessToken.set",
  tokenId: "token1",
  organizationId: ORG,
  serviceAccountId: "sa1",
  hash: "h1",
};

test.each<[Command, AggregateType, string]>([
  [addOrganization, "organization", "org3"],
  [addServiceAccount, "service_account", "sa1"],
  [setToken, "access_token", "token1"],
  [addUser(), "user", "user1"],
  [sendCode(), "user", "user1"],
  [verify("CODE1"), "user", "user1"],
  [{ type: "user.lock", userId: "user1" }, "user", "user1"],
])("$type goes to its aggregate", (command, type, id) => {
  expect(aggregateOf(command)).toEqual({ type, id });
  expect(deciderOf(type).initial.sequence).toBe(0);
});

describe("organization.add", () => {
  test("once, owned by itself", () => {
    const scenario = new Scenario(organizationDecider);
    expect(told(scenario.when(addOrganization))).toEqual({
      ...only(null, { events: [{ type: "org.added", payload: { name: "Third" } }] }),
      organizationId: "org3",
    });
    expect(scenario.state).toEqual({
      sequence: 1,
      createdAtMs: NOW,
      changedAtMs: NOW,
      organizationId: "org3",
      name: "Third",
    });
    expect(told(scenario.when(addOrganization))).toEqual(only("already_exists: Organisation already exists"));
  });
});

describe("serviceAccount.add", () => {
  const given = () => new Scenario(serviceAccountDecider);

  test("takes its id and its username", () => {
    const scenario = given();
    expect(told(scenario.when(addServiceAccount))).toEqual({
      ...only(null, {
        events: [
          { type: "user.machine.added", payload: { userName: "Robot", roles: addServiceAccount.roles } },
        ],
        claims: [
          { action: "take", scope: "subject", value: "sa1" },
          { action: "take", scope: "username", value: "robot" },
        ],
      }),
      organizationId: ORG,
    });
    expect(scenario.state).toMatchObject({ sequence: 1, username: "Robot", roles: addServiceAccount.roles });
  });

  test.each([
    ["unknown organization", { organizationId: "nowhere" }, ANSWERS.organizationUnknown],
    ["id taken by a user", { serviceAccountId: "user1" }, "already_exists: Service account already exists"],
    ["username taken by a user", { username: "ADA" }, "already_exists: Service account already exists"],
  ])("%s", (_row, change, answer) => {
    const scenario = given();
    for (const claim of ["subject:user1", "username:ada"]) scenario.claims.set(claim, "user1");
    expect(told(scenario.when({ ...addServiceAccount, ...change }))).toEqual(only(answer));
  });

  test("a user cannot take its id or username", () => {
    const accounts = given();
    accounts.when(addServiceAccount);
    const users = givenUser();
    for (const [claim, holder] of accounts.claims) users.claims.set(claim, holder);
    expect(told(users.when(addUser({ userId: "sa1" }))).outcome).toBe(ANSWERS.userExists);
    expect(told(users.when(addUser({ username: "ROBOT" }))).outcome).toBe(ANSWERS.usernameTaken);
  });
});

describe("accessToken.set", () => {
  test("again with the same hash changes nothing, with another replaces it", () => {
    const scenario = new Scenario(accessTokenDecider);
    const added = (hash: string) => ({
      ...only(null, { events: [{ type: "user.pat.added", payload: { serviceAccountId: "sa1", hash } }] }),
      organizationId: ORG,
    });
    expect(told(scenario.when(setToken))).toEqual(added("h1"));
    expect(told(scenario.when(setToken))).toEqual(only(null));
    expect(told(scenario.when({ ...setToken, hash: "h2" }))).toEqual(added("h2"));
    expect(scenario.state).toMatchObject({
      sequence: 2,
      serviceAccountId: "sa1",
      hash: "h2",
      organizationId: ORG,
    });
  });
});
