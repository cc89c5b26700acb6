/** Facts 2.7: every life-cycle call in every state of the user. */
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { LifeCycleCommandType } from "../../../../src/verification/user/commands.ts";
import type { UserStatus } from "../../../../src/verification/user/state.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, only, reply, told } from "../given.ts";
import { PASTS, USER, givenUser, humanAdded } from "./user-data.ts";

interface Rule {
  readonly idMissing: string;
  readonly notFound: string;
  /** The event, or the refusal: by status. */
  readonly by: Record<Exclude<UserStatus, "unknown" | "deleted">, string>;
}

const notActive = "failed_precondition: User is not active or initial (COMMAND-lgws8wtsqf)";
const notLocked = "failed_precondition: User is not locked (COMMAND-olb9vb0oca)";
const notInactive = "failed_precondition: User is not inactive (COMMAND-s5qqcz97hf)";

const RULES: Record<LifeCycleCommandType, Rule> = {
  "user.lock": {
    idMissing: "COMMAND-agz3eczifm",
    notFound: "COMMAND-450yxuqrh1",
    by: { active: "user.locked", initial: "user.locked", locked: notActive, inactive: notActive },
  },
  "user.unlock": {
    idMissing: "COMMAND-a9ld4xckax",
    notFound: "COMMAND-x377t913pw",
    by: { active: notLocked, initial: notLocked, locked: "user.unlocked", inactive: notLocked },
  },
  "user.deactivate": {
    idMissing: "COMMAND-78iiirat8y",
    notFound: "COMMAND-5gp2p62iin",
    by: {
      active: "user.deactivated",
      initial:
        "failed_precondition: User with state initial can only be deleted not deactivated (COMMAND-gvx4kct9r2)",
      locked: "user.deactivated",
      inactive: "failed_precondition: User already inactive (COMMAND-5gunjw0cd7)",
    },
  },
  "user.reactivate": {
    idMissing: "COMMAND-0nx1ie38fw",
    notFound: "COMMAND-9hy5kzbuk6",
    by: { active: notInactive, initial: notInactive, locked: notInactive, inactive: "user.reactivated" },
  },
  "user.delete": {
    idMissing: "COMMAND-vaipl7s13l",
    notFound: "COMMAND-bd4ir1mblj",
    by: { active: "user.removed", initial: "user.removed", locked: "user.removed", inactive: "user.removed" },
  },
};

const rows = Object.entries(RULES) as [LifeCycleCommandType, Rule][];
const usernameGivenBack = [{ action: "release", scope: "username", value: "ada" }] as const;

describe.each(rows)("%s", (type, { idMissing, notFound, by }) => {
  const statuses = Object.entries(by) as [keyof Rule["by"], string][];

  test.each(statuses)("a user that is %s: %s", (status, expected) => {
    const past = PASTS[status];
    const decision = told(givenUser(...past).when({ type, userId: USER }));
    const claims = type === "user.delete" ? usernameGivenBack : [];
    expect(decision).toEqual(
      expected.startsWith("user.")
        ? only(reply(past.length + 1), { events: [{ type: expected, payload: {} }], claims })
        : only(expected),
    );
  });

  test.each(["unknown", "deleted"] as const)("%s users are not found, before permissions", (status) => {
    const decision = givenUser(...PASTS[status]).when(
      { type, userId: USER },
      { caller: CALLERS.withoutGrants },
    );
    expect(told(decision)).toEqual(only(`not_found: User could not be found (${notFound})`));
  });

  test("the user id is missing", () => {
    const decision = givenUser().when({ type, userId: "" }, { caller: CALLERS.withoutGrants });
    expect(told(decision)).toEqual(only(`invalid_argument: User ID missing (${idMissing})`));
  });

  // Of a status that refuses or accepts alike: the permission is asked for first.
  test.each<[string, Caller, string]>([
    ["no membership", CALLERS.withoutGrants, ANSWERS.noMembership],
    ["no permission", CALLERS.reader, ANSWERS.noPermission],
    ["permission elsewhere", CALLERS.orgOwnerElsewhere, ANSWERS.noPermissionHere],
    ["no credential", CALLERS.anonymous, ANSWERS.noCredential],
    ["oneself, without grants", CALLERS.self, ANSWERS.noMembership],
  ])("%s", (_row, caller, answer) => {
    for (const status of ["active", "initial", "locked", "inactive"] as const) {
      expect(told(givenUser(...PASTS[status]).when({ type, userId: USER }, { caller }))).toEqual(
        only(answer),
      );
    }
  });
});

describe("deleting", () => {
  test.each<[string, Caller, LifeCycleCommandType, string | true]>([
    ["oneself with user.self.delete", CALLERS.selfManager, "user.delete", true],
    ["oneself with user.write only", CALLERS.selfWithWrite, "user.delete", ANSWERS.noPermission],
    [
      "another with user.self.delete",
      { ...CALLERS.selfManager, userId: "user2" },
      "user.delete",
      ANSWERS.noPermission,
    ],
    ["user.self.delete is no user.write", CALLERS.selfManager, "user.lock", ANSWERS.noPermission],
  ])("%s", (_row, caller, type, expected) => {
    const { outcome } = told(givenUser(humanAdded()).when({ type, userId: USER }, { caller }));
    expect(outcome).toEqual(expected === true ? reply(2) : expected);
  });
});
