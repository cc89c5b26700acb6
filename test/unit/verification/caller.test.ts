import { describe, expect, test } from "@jest/globals";
import {
  checkPermission,
  type Caller,
  type Grant,
  type Permission,
} from "../../../src/verification/caller.ts";
import { ANSWERS } from "./answers.ts";
import { ORG, OTHER_ORG, wireError } from "./given.ts";

const here = { organizationId: ORG, userId: "user1" };
const organization = { organizationId: ORG };
const caller = (userId: string, ...grants: Grant[]): Caller => ({
  kind: "principal",
  userId,
  organizationId: ORG,
  grants,
});
const write: Grant = { permissions: ["user.write"] };
const writeHere: Grant = { ...write, organizationId: ORG };
const writeElsewhere: Grant = { ...write, organizationId: OTHER_ORG };
const readHere: Grant = { permissions: ["user.read"], organizationId: ORG };

type Row = [
  row: string,
  caller: Caller,
  target: typeof here | typeof organization,
  self: "allowed" | "not allowed",
  answer: string | undefined,
];

describe("user.write", () => {
  test.each<Row>([
    ["system", { kind: "system" }, here, "not allowed", undefined],
    ["anonymous", { kind: "anonymous" }, here, "allowed", ANSWERS.noCredential],
    ["held everywhere", caller("admin", write), here, "not allowed", undefined],
    ["held everywhere, on an organization", caller("admin", write), organization, "not allowed", undefined],
    ["held here", caller("admin", writeHere), here, "not allowed", undefined],
    ["held elsewhere", caller("admin", writeElsewhere), here, "not allowed", ANSWERS.noPermissionHere],
    [
      "held elsewhere, another one here",
      caller("a", writeElsewhere, readHere),
      here,
      "allowed",
      ANSWERS.noPermissionHere,
    ],
    ["held elsewhere and here", caller("admin", writeElsewhere, writeHere), here, "not allowed", undefined],
    ["another permission", caller("admin", readHere), here, "allowed", ANSWERS.noPermission],
    ["a grant of nothing", caller("admin", { permissions: [] }), here, "allowed", ANSWERS.noPermission],
    ["no grant", caller("admin"), here, "allowed", ANSWERS.noMembership],
    ["self, allowed", caller("user1"), here, "allowed", undefined],
    ["self, not allowed", caller("user1"), here, "not allowed", ANSWERS.noMembership],
    ["self with another permission", caller("user1", readHere), here, "not allowed", ANSWERS.noPermission],
    [
      "self, but the target is an organization",
      caller("user1"),
      organization,
      "allowed",
      ANSWERS.noMembership,
    ],
    ["belonging to the organization is no grant", caller("user2"), here, "allowed", ANSWERS.noMembership],
  ])("%s", (_row, who, target, self, answer) => {
    const refused = checkPermission(who, "user.write", target, self);
    expect(refused && wireError(refused)).toBe(answer);
  });
});

test.each<[Permission, Permission]>([
  ["user.write", "user.read"],
  ["user.write", "user.delete"],
  ["user.delete", "user.self.delete"],
])("%s does not imply %s, and the refusal names what is missing", (held, asked) => {
  const refused = checkPermission(caller("admin", { permissions: [held] }), asked, here, "not allowed");
  expect(refused).toEqual({ name: "PERMISSION_DENIED", metadata: { permission: asked } });
});
