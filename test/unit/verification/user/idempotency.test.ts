// What becomes of a command that carries a key: done and kept, repeated, or refused.
import { describe, expect, test } from "@jest/globals";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { IdempotencyKey, UserCommand } from "../../../../src/verification/user/commands.ts";
import { userDecider } from "../../../../src/verification/user/decider.ts";
import { REPLY_KEPT_MS } from "../../../../src/verification/user/idempotency.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, NOW, only, ORG, reply, Scenario, told } from "../given.ts";
import { codeAdded, humanAdded } from "./user-data.ts";

const ADDED = humanAdded();
const KEY: IdempotencyKey = { scope: "scope", fingerprint: "fingerprint" };
const REUSED = "invalid_argument: Another request was made with this Idempotency-Key; nothing was executed";
const details = { sequence: 2, changedAtMs: NOW, resourceOwner: ORG };

function sendCode(kind: "send" | "return", key: Partial<IdempotencyKey> = {}): UserCommand {
  return {
    type: "email.sendCode",
    userId: "user1",
    verification: { kind },
    idempotency: { ...KEY, ...key },
  };
}

function given() {
  return new Scenario(userDecider, [ADDED]);
}

test("a success is kept for a day, with what its answer is made of", () => {
  expect(given().when(sendCode("send")).keep).toEqual({
    ...KEY,
    userId: "user1",
    details,
    sealedCode: null,
    expiresAtMs: NOW + REPLY_KEPT_MS,
  });
  const returned = given().when(sendCode("return", { sealedCode: "sealed" }));
  expect(returned.keep).toMatchObject({ details, sealedCode: "sealed" });
});

test("what is sealed for nobody is not kept", () => {
  expect(given().when(sendCode("send", { sealedCode: "sealed" })).keep?.sealedCode).toBeNull();
});

test("a returned code that cannot be kept sealed is a mistake in the program", () => {
  expect(() => given().when(sendCode("return"))).toThrow(TypeError);
});

test("the same again is the same answer and nothing else", () => {
  const scenario = given();
  scenario.when(sendCode("return", { sealedCode: "first" }));
  const again = scenario.when(sendCode("return", { sealedCode: "second" }), { nowMs: NOW + 1 });
  const replay = { userId: "user1", sealedCode: "first" };
  expect(told(again)).toEqual(only({ ...reply(2, { returnsCode: true }), replay }));
});

test("nothing else is asked of the repetition: not even whether there still is such a user", () => {
  const scenario = given();
  scenario.when(sendCode("send"));
  scenario.when({ type: "user.delete", userId: "user1" });
  const again = scenario.when(sendCode("send"));
  expect(again.outcome).toMatchObject({ ok: true, reply: { replay: { userId: "user1" } } });
});

describe("a repetition takes the permission that the call took", () => {
  const { iamOwner, orgOwner, orgOwnerElsewhere, reader, withoutGrants, self, selfWithWrite, anonymous } =
    CALLERS;
  const key = { ...KEY, sealedCode: "sealed" };
  const send = sendCode("send");
  const returned = sendCode("return", { sealedCode: "sealed" });
  const email = { address: "new@example.com", verification: { kind: "return" } } as const;
  const set: UserCommand = { type: "email.set", userId: "user1", ...email, idempotency: key };
  const resend: UserCommand = {
    type: "email.resendCode",
    userId: "user1",
    verification: { kind: "return" },
    idempotency: key,
  };
  const profile = { givenName: "Bob", familyName: "L" };
  // Each time with an id of its own, as they are made.
  const add = (userId: string): UserCommand => ({
    type: "user.add",
    userId,
    organizationId: ORG,
    profile,
    email,
    idempotency: key,
  });

  type Row = [name: string, first: UserCommand, again: UserCommand, caller: Caller, answer: string];
  const rows: Row[] = [
    ["SendEmailCode, a role everywhere", returned, returned, iamOwner, "replay"],
    ["SendEmailCode, a role there", returned, returned, orgOwner, "replay"],
    ["SendEmailCode, the role gone", returned, returned, withoutGrants, ANSWERS.noMembership],
    ["SendEmailCode, a smaller role", returned, returned, reader, ANSWERS.noPermission],
    ["SendEmailCode, the role elsewhere", returned, returned, orgOwnerElsewhere, ANSWERS.noPermissionHere],
    ["SendEmailCode, no credential", returned, returned, anonymous, ANSWERS.noCredential],
    ["SendEmailCode of oneself, mailed", send, send, self, "replay"],
    ["SendEmailCode of oneself, returned", returned, returned, self, ANSWERS.noMembership],
    ["SendEmailCode of oneself, returned, a role", returned, returned, selfWithWrite, "replay"],
    ["SetEmail, the role still there", set, set, iamOwner, "replay"],
    ["SetEmail, the role gone", set, set, withoutGrants, ANSWERS.noMembership],
    ["ResendEmailCode, the role still there", resend, resend, iamOwner, "replay"],
    ["ResendEmailCode, a smaller role", resend, resend, reader, ANSWERS.noPermission],
    ["AddHumanUser, the role still there", add("bob"), add("bill"), orgOwner, "replay"],
    ["AddHumanUser, the role gone", add("bob"), add("bill"), withoutGrants, ANSWERS.noMembership],
    [
      "AddHumanUser, the role elsewhere",
      add("bob"),
      add("bill"),
      orgOwnerElsewhere,
      ANSWERS.noPermissionHere,
    ],
    // The id in the command is one that was made for this call: to hold it gives no right.
    ["AddHumanUser, called by the id that was made", add("bob"), add("user1"), self, ANSWERS.noMembership],
  ];

  test.each(rows)("%s", (_name, first, again, caller, answer) => {
    const scenario = new Scenario(userDecider, first.type === "user.add" ? [] : [ADDED, codeAdded(1)]);
    const { outcome } = scenario.when(first);
    if (!outcome.ok) throw new Error(outcome.failure.name);
    const before = scenario.events.length;
    const repeated = scenario.when(again, { caller });
    expect(scenario.events).toHaveLength(before);
    expect(repeated).not.toHaveProperty("keep");
    if (answer !== "replay") expect(told(repeated)).toEqual(only(answer));
    else expect(repeated.outcome).toMatchObject({ ok: true, reply: { replay: { userId: first.userId } } });
  });

  test("another request under the key is told so, whatever the caller may do", () => {
    const scenario = given();
    scenario.when(send);
    const other = scenario.when(sendCode("send", { fingerprint: "another" }), { caller: withoutGrants });
    expect(told(other)).toEqual(only(REUSED));
  });
});

test("another request under the key is refused", () => {
  const scenario = given();
  scenario.when(sendCode("send"));
  const other = scenario.when(sendCode("send", { fingerprint: "another" }));
  expect(told(other)).toEqual(only(REUSED));
});

test("refusals are not kept", () => {
  const scenario = given();
  const refused = scenario.when(sendCode("send"), { caller: CALLERS.withoutGrants });
  expect(refused.outcome.ok).toBe(false);
  expect(refused).not.toHaveProperty("keep");
  expect(scenario.when(sendCode("send")).outcome).toMatchObject({ ok: true, reply: reply(2) });
});

test("a command without a key asks for no answer and keeps none", () => {
  const scenario = given();
  const { idempotency: _, ...command } = sendCode("send");
  expect(scenario.when(command)).not.toHaveProperty("keep");
  expect(scenario.replies.size).toBe(0);
  expect(scenario.when(command).outcome).toMatchObject({ ok: true, reply: reply(3) });
});
