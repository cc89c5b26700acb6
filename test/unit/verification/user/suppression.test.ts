// Which calls an address that takes no mail refuses, and who may insist.
import { describe, expect, test } from "@jest/globals";
import { addressKey, suppressionText } from "../../../../src/verification/suppression.ts";
import type { UserCommand, Verification } from "../../../../src/verification/user/commands.ts";
import { userDecider } from "../../../../src/verification/user/decider.ts";
import { CALLERS, ORG, OTHER_ORG, Scenario } from "../given.ts";
import { humanAdded } from "./user-data.ts";

const ADDED = humanAdded({ email: "gone@example.com" });
const SEND: Verification = { kind: "send" };
const userId = "user1";

function given(organizationId: string = ORG) {
  const scenario = new Scenario(userDecider, [ADDED]);
  scenario.suppressions.add(suppressionText({ organizationId, address: "gone@Example.com" }));
  return scenario;
}

const CALLS: readonly (readonly [what: string, command: (verification: Verification) => UserCommand])[] = [
  [
    "SendEmailCode",
    (verification) => ({ type: "email.sendCode", userId, verification: verification as { kind: "send" } }),
  ],
  [
    "SetEmail",
    (verification) => ({ type: "email.set", userId, address: " gone@EXAMPLE.COM ", verification }),
  ],
  [
    "UpdateHumanUser",
    (verification) => ({ type: "user.update", userId, email: { address: "gone@EXAMPLE.COM", verification } }),
  ],
  [
    "AddHumanUser",
    (verification) => ({
      type: "user.add",
      userId: "user2",
      organizationId: ORG,
      username: "eve",
      profile: { givenName: "Eve", familyName: "L" },
      email: { address: "gone@example.com", verification },
    }),
  ],
];

describe.each(CALLS)("%s", (_what, command) => {
  function when(verification: Verification, setting = {}, scenario = given()) {
    const asked = command(verification);
    const target = asked.type === "user.add" ? new Scenario(userDecider) : scenario;
    for (const key of scenario.suppressions) target.suppressions.add(key);
    const { outcome, events, outbox } = target.when(asked, setting);
    return { reason: outcome.ok ? "ok" : outcome.failure.name, changes: events.length + outbox.length };
  }

  test("mails nothing to an address that takes none, and changes nothing", () => {
    expect(when(SEND)).toEqual({ reason: "ADDRESS_SUPPRESSED", changes: 0 });
  });

  test("does so when a writer insists", () => {
    expect(when(SEND, { allowsSuppressed: true })).toMatchObject({ reason: "ok" });
    expect(when(SEND, { allowsSuppressed: true, caller: CALLERS.orgOwner })).toMatchObject({ reason: "ok" });
  });

  test("is not stopped by another organization's bounce", () => {
    expect(when(SEND, {}, given(OTHER_ORG))).toMatchObject({ reason: "ok" });
  });

  test("hands the code to the caller all the same", () => {
    expect(when({ kind: "return" })).toMatchObject({ reason: "ok" });
  });
});

test("who may only act on the own account cannot insist", () => {
  const command: UserCommand = { type: "email.sendCode", userId, verification: { kind: "send" } };
  const reasons = [CALLERS.self, CALLERS.selfWithWrite].map((caller) => {
    const { outcome } = given().when(command, { caller, allowsSuppressed: true });
    return outcome.ok ? "ok" : outcome.failure.name;
  });
  expect(reasons).toEqual(["MEMBERSHIP_NOT_FOUND", "ok"]);
});

test.each([
  ["Ada@Example.COM", "Ada@example.com"],
  ['"a@B"@Example.com', '"a@B"@example.com'],
])("%s is compared as %s", (address, key) => {
  expect(addressKey(address)).toBe(key);
});
