/** CheckCode: free for a code that would verify, and VerifyEmail's own refusal for everything else. */
import { describe, expect, test } from "@jest/globals";
import type { SubmittedCode, UserCommand } from "../../../../src/verification/user/commands.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, NOW, POLICY, RECORDED_AT, told } from "../given.ts";
import {
  ADDRESS,
  codeAdded,
  emailChanged,
  failed,
  givenUser,
  happened,
  humanAdded,
  NEW_ADDRESS,
  PASTS,
  verified,
  verify,
} from "./user-data.ts";

const { anonymous, iamOwner, withoutGrants } = CALLERS;
const EXPIRY = RECORDED_AT + POLICY.codeTtlMs;
const withCode = [humanAdded(), codeAdded(1)];
const NOTHING = { events: [], outbox: [], debits: [], claims: [] };

function check(code: string, client?: string): UserCommand {
  return { ...(verify(code, client) as SubmittedCode & UserCommand), type: "email.checkCode" };
}

describe("a code that verifies", () => {
  test.each<[string, UserEvent[], string, { address: string; isUsed: boolean }]>([
    ["waits", withCode, "CODE1", { address: ADDRESS, isUsed: false }],
    ["waits after a wrong try", [...withCode, failed(1)], "CODE1", { address: ADDRESS, isUsed: false }],
    [
      "waits for a new address",
      [...withCode, emailChanged(), codeAdded(2)],
      "CODE2",
      { address: NEW_ADDRESS, isUsed: false },
    ],
    [
      "works beside a newer one",
      [...withCode, codeAdded(2, { live_codes: 2 })],
      "CODE1",
      { address: ADDRESS, isUsed: false },
    ],
    ["has verified", [...withCode, verified(1)], "CODE1", { address: ADDRESS, isUsed: true }],
    [
      "is a locked user's",
      [...withCode, happened("user.locked")],
      "CODE1",
      { address: ADDRESS, isUsed: false },
    ],
  ])("is free when it %s", (_row, past, code, checked) => {
    for (const caller of [iamOwner, withoutGrants, anonymous]) {
      const { outcome, ...changes } = givenUser(...past).when(check(code), { caller });
      expect(changes).toEqual(NOTHING);
      expect(outcome).toMatchObject({
        ok: true,
        reply: {
          details: { sequence: past.length },
          returnsCode: false,
          checked: { ...checked, expiresAtMs: EXPIRY },
        },
      });
    }
  });

  test("still verifies, however often it was asked about", () => {
    const scenario = givenUser(...withCode);
    for (let times = 0; times < 20; times += 1) scenario.when(check("CODE1"), { caller: anonymous });
    scenario.when(verify("CODE1"), { caller: anonymous });
    expect(scenario.events).toEqual([...withCode, verified(1)]);
    expect(scenario.state.email.isVerified).toBe(true);
  });

  test("is in its last millisecond, and no longer", () => {
    const at = (nowMs: number) =>
      givenUser(...withCode).when(check("CODE1"), { caller: iamOwner, nowMs }).outcome;
    expect(at(EXPIRY).ok).toBe(true);
    expect(at(EXPIRY + 1)).toEqual({ ok: false, failure: { name: "CODE_EXPIRED" } });
  });
});

describe("any other submission", () => {
  const rows: [string, UserEvent[], string, number][] = [
    ["wrong", withCode, "WRONG", NOW],
    ["empty", withCode, "", NOW],
    ["expired", withCode, "CODE1", EXPIRY + 1],
    ["superseded", [...withCode, codeAdded(2)], "CODE1", NOW],
    ["of the address before", [...withCode, emailChanged()], "CODE1", NOW],
    ["never sent", [humanAdded()], "CODE1", NOW],
    ["used, its life being over", [...withCode, verified(1)], "CODE1", EXPIRY + 1],
    ["used, before an administrator vouched", [...withCode, verified(1), verified()], "CODE1", NOW],
    ...Object.entries(PASTS).map(
      ([status, past]) =>
        [`of a user who is ${status}`, [...past], "CODE1", NOW] as [string, UserEvent[], string, number],
    ),
  ];

  test.each(rows)(
    "%s is refused as VerifyEmail refuses it, with its event and debits",
    (_row, past, code, nowMs) => {
      for (const caller of [iamOwner, withoutGrants, anonymous]) {
        const asked = givenUser(...past).when(check(code), { caller, nowMs });
        expect(asked.outcome.ok).toBe(false);
        expect(asked).toEqual(givenUser(...past).when(verify(code), { caller, nowMs }));
      }
    },
  );

  test("shares VerifyEmail's budget: three wrong tries of either kind, then not even the right code is looked at", () => {
    for (const tries of [
      [check, check, check],
      [check, verify, check],
      [verify, verify, verify],
    ]) {
      const scenario = givenUser(...withCode);
      for (const submit of tries) scenario.when(submit("WRONG"), { caller: iamOwner });
      expect(scenario.events).toHaveLength(withCode.length + POLICY.maxAttemptsPerClient);
      for (const submit of [check, verify]) {
        const { outcome } = scenario.when(submit("CODE1"), { caller: iamOwner });
        expect(outcome).toMatchObject({ ok: false, failure: { name: "CODE_USED_UP" } });
      }
    }
  });

  test("tells an anonymous caller nothing", () => {
    const pasts = [withCode, [humanAdded()], [], [...PASTS.deleted], [...withCode, verified(1)]];
    for (const past of pasts) {
      const decision = givenUser(...past).when(check("WRONG"), { caller: anonymous });
      expect(told(decision).outcome).toEqual(ANSWERS.codeInvalid);
    }
  });
});
