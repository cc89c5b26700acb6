/** Which command goes to which aggregate. */
import { expect, test } from "@jest/globals";
import {
  aggregateOf,
  deciderOf,
  type AggregateType,
  type Command,
} from "../../../src/verification/aggregates.ts";
import { addUser, sendCode, verify } from "./user/user-data.ts";
import { ORG } from "./given.ts";

test.each<[Command, AggregateType, string]>([
  [{ type: "organization.add", organizationId: "org3", name: "Third" }, "organization", "org3"],
  [{ type: "organization.rename", organizationId: "org3", name: "3rd" }, "organization", "org3"],
  [{ type: "organization.set", organizationId: "org3", settings: {} }, "organization", "org3"],
  [
    { type: "serviceAccount.add", serviceAccountId: "sa1", organizationId: ORG, username: "r", roles: [] },
    "service_account",
    "sa1",
  ],
  [{ type: "serviceAccount.setRoles", serviceAccountId: "sa1", roles: [] }, "service_account", "sa1"],
  [{ type: "serviceAccount.deactivate", serviceAccountId: "sa1" }, "service_account", "sa1"],
  [{ type: "serviceAccount.reactivate", serviceAccountId: "sa1" }, "service_account", "sa1"],
  [{ type: "serviceAccount.remove", serviceAccountId: "sa1" }, "service_account", "sa1"],
  [
    { type: "accessToken.set", tokenId: "t1", organizationId: ORG, serviceAccountId: "sa1", hash: "h1" },
    "access_token",
    "t1",
  ],
  [
    { type: "accessToken.add", tokenId: "t1", serviceAccountId: "sa1", hash: "h1", expiresAtMs: null },
    "access_token",
    "t1",
  ],
  [{ type: "accessToken.revoke", tokenId: "t1" }, "access_token", "t1"],
  [addUser(), "user", "user1"],
  [sendCode(), "user", "user1"],
  [verify("CODE1"), "user", "user1"],
  [{ type: "user.lock", userId: "user1" }, "user", "user1"],
])("$type goes to its aggregate", (command, type, id) => {
  expect(aggregateOf(command)).toEqual({ type, id });
  expect(deciderOf(type).initial.sequence).toBe(0);
});
