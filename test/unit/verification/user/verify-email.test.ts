/** VerifyEmail: wrong tries, their limits, what an anonymous caller may learn, and the same submission twice. */
import { describe, expect, test } from "@jest/globals";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, NOW, POLICY, RECORDED_AT, only, reply, told } from "../given.ts";
import {
  PASTS,
  SEND,
  codeAdded,
  codeSent,
  emailChanged,
  failed,
  givenUser,
  happened,
  humanAdded,
  resendCode,
  sendCode,
  setEmail,
  verified,
  verify,
} from "./user-data.ts";

const { anonymous, iamOwner, withoutGrants } = CALLERS;
const withCode = [humanAdded(), codeAdded(1)];
const used = [...withCode, verified(1)];
const EXPIRY = RECORDED_AT + POLICY.codeTtlMs;

/** Debits of a wrong try at code n. They outlive the code, which works in its last millisecond. */
function debits(n: number, client = "client1", expiresAtMs = EXPIRY + 1) {
  return [
    { bucket: `attempts:code${n}:${client}`, amount: 1, expiresAtMs },
    { bucket: `attempts:code${n}`, amount: 1, expiresAtMs },
  ];
}

describe("a submission is decided at once, with its event and its debits", () => {
  test.each<[string, UserEvent[], string, number, ReturnType<typeof only>, string]>([
    [
      "wrong",
      withCode,
      "WRONG",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed(1)], debits: debits(1) }),
      "CODE_INVALID",
    ],
    [
      "expired",
      withCode,
      "CODE1",
      EXPIRY + 1,
      only(ANSWERS.codeInvalid, { events: [failed(1)], debits: debits(1) }),
      "CODE_EXPIRED",
    ],
    [
      "another case",
      withCode,
      "code1",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed(1)], debits: debits(1) }),
      "CODE_INVALID",
    ],
    [
      "superseded",
      [...withCode, codeAdded(2)],
      "CODE1",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed(2)], debits: debits(2) }),
      "CODE_INVALID",
    ],
    [
      "of the address before",
      [...withCode, emailChanged()],
      "CODE1",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed()] }),
      "NO_CODE",
    ],
    [
      "never sent",
      [humanAdded()],
      "CODE1",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed()] }),
      "NO_CODE",
    ],
    [
      "another than the used one",
      used,
      "WRONG",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed()] }),
      "NO_CODE",
    ],
    [
      "voided by an administrator",
      [...withCode, verified()],
      "CODE1",
      NOW,
      only(ANSWERS.codeInvalid, { events: [failed()] }),
      "NO_CODE",
    ],
  ])("%s", (_row, past, code, nowMs, expected, reason) => {
    const decision = givenUser(...past).when(verify(code), { caller: withoutGrants, nowMs });
    expect(told(decision)).toEqual(expected);
    expect(decision.outcome).toMatchObject({ failure: { name: reason } });
  });

  test.each<[string, UserEvent[], number]>([
    ["at once", withCode, NOW],
    ["in the code's last millisecond", withCode, EXPIRY],
    ["after a wrong try", [...withCode, failed(1)], NOW],
    ["of a verified address: verified again", [humanAdded(), verified(), codeAdded(1)], NOW],
    ["of a locked user", [...withCode, happened("user.locked")], NOW],
  ])("right, %s", (_row, past, nowMs) => {
    for (const caller of [iamOwner, withoutGrants, anonymous]) {
      const decision = givenUser(...past).when(verify("CODE1"), { caller, nowMs });
      expect(told(decision)).toEqual(
        only(reply(past.length + 1, { changedAtMs: nowMs }), { events: [verified(1)] }),
      );
    }
  });
});

describe("attempt limits", () => {
  test("a client is refused after its tries, even with the right code; others are not", () => {
    const scenario = givenUser(...withCode);
    for (let attempt = 1; attempt <= POLICY.maxAttemptsPerClient; attempt += 1) {
      expect(told(scenario.when(verify("WRONG"))).events).toEqual([failed(1)]);
    }
    const refused = scenario.when(verify("CODE1"));
    expect(told(refused)).toEqual(only(ANSWERS.codeInvalid));
    expect(refused.outcome).toMatchObject({ failure: { name: "CODE_USED_UP" } });
    expect(scenario.when(verify("CODE1", "client2")).outcome.ok).toBe(true);
  });

  test("all clients share the tries of a code", () => {
    const scenario = givenUser(...withCode);
    for (let n = 1; n <= POLICY.maxAttemptsPerCode; n += 1) scenario.when(verify("WRONG", `client${n}`));
    const refused = scenario.when(verify("CODE1", "fresh client"));
    expect(told(refused)).toEqual(only(ANSWERS.codeInvalid));
    expect(refused.outcome).toMatchObject({ failure: { name: "CODE_USED_UP" } });
  });

  test("a limit holds in the code's last millisecond", () => {
    const scenario = givenUser(...withCode);
    for (let n = 1; n <= POLICY.maxAttemptsPerCode; n += 1) scenario.when(verify("WRONG", `client${n}`));
    expect(told(scenario.when(verify("CODE1"), { nowMs: EXPIRY }))).toEqual(only(ANSWERS.codeInvalid));
  });

  test.each([sendCode(SEND), resendCode(SEND)])("a new code ($type) has tries of its own", (command) => {
    const scenario = givenUser(...withCode);
    for (let n = 1; n <= POLICY.maxAttemptsPerClient; n += 1) scenario.when(verify("WRONG"));
    scenario.when(command);
    expect(scenario.when(verify("CODE2")).outcome.ok).toBe(true);
  });
});

describe("anonymous callers learn nothing but success", () => {
  const usedUp = givenUser(...withCode);
  for (let n = 1; n <= POLICY.maxAttemptsPerClient; n += 1) usedUp.when(verify("WRONG"));

  test.each([
    ["unknown user", givenUser(), "CODE1", NOW],
    ["no user id", givenUser(), "CODE1", NOW],
    ["deleted user", givenUser(...PASTS.deleted), "CODE1", NOW],
    ["initial user", givenUser(...PASTS.initial, codeAdded(1)), "CODE1", NOW],
    ["no code submitted", givenUser(...withCode), "", NOW],
    ["no code", givenUser(humanAdded()), "CODE1", NOW],
    ["code expired", givenUser(...withCode), "CODE1", EXPIRY + 1],
    ["code used up", usedUp, "CODE1", NOW],
    ["code wrong", givenUser(...withCode), "WRONG", NOW],
    ["code superseded", givenUser(...withCode, codeAdded(2)), "CODE1", NOW],
  ])("%s", (row, scenario, code, nowMs) => {
    const command = row === "no user id" ? { ...verify(code), userId: "" } : verify(code);
    const decision = scenario.when(command, { caller: anonymous, nowMs });
    expect(decision.outcome).toStrictEqual({ ok: false, failure: { name: "CODE_INVALID" } });
    expect(told(decision).outcome).toBe(ANSWERS.codeInvalid);
  });

  test("their wrong tries are recorded and paid as anybody's", () => {
    const decision = givenUser(...withCode).when(verify("WRONG", "192.0.2.1"), { caller: anonymous });
    expect(told(decision)).toEqual(
      only(ANSWERS.codeInvalid, { events: [failed(1)], debits: debits(1, "192.0.2.1") }),
    );
  });
});

describe("the same successful submission again", () => {
  test.each([iamOwner, anonymous])("succeeds with the same details and no event ($kind)", (caller) => {
    const scenario = givenUser(...withCode);
    const first = scenario.when(verify("CODE1"), { caller });
    const again = scenario.when(verify("CODE1", "another client"), { caller, nowMs: EXPIRY });
    expect(first.events).toHaveLength(1);
    expect(told(again)).toEqual(only(told(first).outcome));
  });

  test.each<[string, UserEvent[], number]>([
    ["after its expiry", [], EXPIRY + 1],
    ["after a new code", [codeAdded(2)], NOW],
    ["after a new address", [emailChanged()], NOW],
    ["after an administrator vouched", [verified()], NOW],
    ["after a second success", [codeAdded(2), verified(2)], NOW],
  ])("fails %s", (_row, since, nowMs) => {
    const decision = givenUser(...used, ...since).when(verify("CODE1"), { nowMs });
    expect(told(decision).outcome).toBe(ANSWERS.codeInvalid);
  });

  test.each<[string, UserEvent[]]>([
    ["a failed try, which anybody can make", [failed()]],
    ["the record of its mail, which may come late", [codeSent(1)]],
    ["a lock", [happened("user.locked")]],
  ])("still succeeds after %s, with the details of the first success", (_row, since) => {
    const decision = givenUser(...used, ...since).when(verify("CODE1"));
    const { sequence, changedAtMs } = givenUser(...used).state;
    expect(decision.outcome).toMatchObject({ ok: true, reply: { details: { sequence, changedAtMs } } });
    expect(decision.events).toEqual([]);
  });

  test("is no way around a deletion", () => {
    const decision = givenUser(...used, happened("user.removed")).when(verify("CODE1"));
    expect(told(decision)).toEqual(only(ANSWERS.emailNotFound));
  });

  test("needs a code that a code verified: an address vouched for has none", () => {
    const scenario = givenUser(humanAdded());
    scenario.when(setEmail("ada@new.example", { kind: "verified" }));
    expect(told(scenario.when(verify("CODE1"))).outcome).toBe(ANSWERS.codeInvalid);
  });
});
