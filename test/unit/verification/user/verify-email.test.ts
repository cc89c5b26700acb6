/** VerifyEmail: wrong tries, their limits, what an anonymous caller may learn, and the same submission twice. */
import { describe, expect, test } from "@jest/globals";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import type { Decision } from "../../../../src/verification/decider.ts";
import type { Failure } from "../../../../src/verification/failures.ts";
import { failuresOf } from "../../../../src/verification/user/attempts.ts";
import type { UserReply } from "../../../../src/verification/user/commands.ts";
import { ANSWERS } from "../answers.ts";
import { CALLERS, NOW, POLICY, RECORDED_AT, only, reply, told } from "../given.ts";
import {
  ADDRESS,
  NEW_ADDRESS,
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

const { anonymous, iamOwner, orgOwnerElsewhere, reader, self, withoutGrants } = CALLERS;
const withCode = [humanAdded(), codeAdded(1)];
const used = [...withCode, verified(1)];
const EXPIRY = RECORDED_AT + POLICY.codeTtlMs;
const DAY_MS = 86_400_000;

type Charge = Decision<UserEvent, UserReply>["debits"];

/** What a wrong try at these codes is charged. Counters outlive their code, which works in its last millisecond. */
function charges(codes: number | readonly number[], client = "client1", nowMs = NOW): Charge {
  const expiresAtMs = EXPIRY + 1;
  return [
    ...[codes].flat().flatMap((n) => [
      { bucket: `attempts:code${n}:${client}`, amount: 1, expiresAtMs },
      { bucket: `attempts:code${n}`, amount: 1, expiresAtMs },
    ]),
    { bucket: failuresOf(ADDRESS), amount: 1, expiresAtMs: nowMs + DAY_MS },
  ];
}

/** The counters of no one, for `toEqual`. */
function futile(count: number): Charge {
  const debit = {
    bucket: expect.stringMatching(/^futile:\d{1,4}$/),
    amount: 1,
    expiresAtMs: expect.any(Number),
  };
  return Array.from({ length: count }, () => debit) as unknown as Charge;
}

/** A refusal without an event. */
const UNCOUNTED = { debits: futile(11) };

function beside(n: number, live_codes = 2): UserEvent {
  return codeAdded(n, { live_codes });
}

function failureOf({ outcome }: Decision<UserEvent, UserReply>) {
  return outcome.ok ? undefined : outcome.failure;
}

describe("a submission is decided at once, with its event and its debits", () => {
  const wrongTry = (n: number) => ({ events: [failed(n)], debits: charges(n) });

  test.each<[string, UserEvent[], string, number, Parameters<typeof only>[1], Failure]>([
    ["wrong", withCode, "WRONG", NOW, wrongTry(1), { name: "CODE_INVALID", metadata: { attemptsLeft: "2" } }],
    ["expired", withCode, "CODE1", EXPIRY + 1, UNCOUNTED, { name: "CODE_EXPIRED" }],
    ["wrong, of a code that expired", withCode, "WRONG", EXPIRY + 1, UNCOUNTED, { name: "CODE_EXPIRED" }],
    ["superseded", [...withCode, codeAdded(2)], "CODE1", NOW, wrongTry(2), { name: "CODE_SUPERSEDED" }],
    [
      "superseded long ago",
      [...withCode, ...[2, 3, 4, 5, 6].map((n) => codeAdded(n))],
      "CODE1",
      NOW,
      wrongTry(6),
      { name: "CODE_SUPERSEDED" },
    ],
    [
      "superseded too long ago to be remembered",
      [...withCode, ...[2, 3, 4, 5, 6, 7].map((n) => codeAdded(n))],
      "CODE1",
      NOW,
      wrongTry(7),
      { name: "CODE_INVALID", metadata: { attemptsLeft: "2" } },
    ],
    [
      "of the address before",
      [...withCode, emailChanged()],
      "CODE1",
      NOW,
      UNCOUNTED,
      { name: "CODE_SUPERSEDED" },
    ],
    ["never sent", [humanAdded()], "CODE1", NOW, UNCOUNTED, { name: "NO_CODE" }],
    [
      "voided by an administrator",
      [...withCode, verified()],
      "CODE1",
      NOW,
      UNCOUNTED,
      { name: "CODE_SUPERSEDED" },
    ],
    [
      "used, before an administrator vouched",
      [...used, verified()],
      "CODE1",
      NOW,
      UNCOUNTED,
      { name: "CODE_ALREADY_USED" },
    ],
    ["used, its life being over", used, "CODE1", EXPIRY + 1, UNCOUNTED, { name: "CODE_ALREADY_USED" }],
    [
      "used, with a newer code waiting",
      [...used, codeAdded(2)],
      "CODE1",
      NOW,
      wrongTry(2),
      { name: "CODE_ALREADY_USED" },
    ],
    [
      "wrong, its life and all else being over",
      [...used, codeAdded(2)],
      "CODE1",
      EXPIRY + 1,
      UNCOUNTED,
      { name: "CODE_EXPIRED" },
    ],
  ])("%s", (_row, past, code, nowMs, changes, why) => {
    const decision = givenUser(...past).when(verify(code), { caller: reader, nowMs });
    expect(told(decision)).toEqual(only(ANSWERS.codeInvalid, changes));
    expect(failureOf(decision)).toEqual(why);
    expect(givenUser(...past).when(verify(code), { caller: self, nowMs })).toEqual(decision);
    // What became of the codes is nobody else's business, token or not; what they are charged is the same.
    for (const caller of [withoutGrants, orgOwnerElsewhere]) {
      const other = givenUser(...past).when(verify(code), { caller, nowMs });
      expect(told(other)).toEqual(told(decision));
      expect(failureOf(other)).toEqual({ name: "CODE_INVALID" });
    }
  });

  test("without a code that works, a wrong try leaves no event however often it is made", () => {
    for (const past of [[humanAdded()], used]) {
      const scenario = givenUser(...past);
      for (let tries = 0; tries < 50; tries += 1) scenario.when(verify("WRONG"), { caller: anonymous });
      expect(scenario.events).toHaveLength(past.length);
    }
  });

  test("inventing users and clients fills no table", () => {
    const buckets = new Set<string>();
    for (let n = 0; n < 2_000; n += 1) {
      const command = { ...verify("WRONG", `address:192.0.2.${n}`), userId: `invented-${n}` };
      const { debits } = givenUser().when(command, { caller: anonymous });
      for (const { bucket } of debits) buckets.add(bucket);
    }
    expect(buckets.size).toBeLessThanOrEqual(1_024);
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
  /** Wrong tries, each by a client of its own unless one is named. */
  function guess(scenario: ReturnType<typeof givenUser>, tries: number, client?: string, nowMs = NOW): void {
    for (let n = 1; n <= tries; n += 1) scenario.when(verify("WRONG", client ?? `client${n}`), { nowMs });
  }

  test("a client is refused after its tries, even with the right code; others are not", () => {
    const scenario = givenUser(...withCode);
    for (let left = POLICY.maxAttemptsPerClient - 1; left >= 0; left -= 1) {
      const decision = scenario.when(verify("WRONG"));
      expect(decision.events).toEqual([failed(1)]);
      expect(failureOf(decision)?.metadata).toEqual({ attemptsLeft: String(left) });
    }
    const refused = scenario.when(verify("CODE1"));
    expect(told(refused)).toEqual(only(ANSWERS.codeInvalid, UNCOUNTED));
    expect(failureOf(refused)).toEqual({ name: "CODE_USED_UP", metadata: { limit: "client" } });
    expect(scenario.when(verify("CODE1", "client2")).outcome.ok).toBe(true);
  });

  test("all clients share the tries of a code", () => {
    const scenario = givenUser(...withCode);
    guess(scenario, POLICY.maxAttemptsPerCode);
    const refused = scenario.when(verify("CODE1", "fresh client"));
    expect(told(refused)).toEqual(only(ANSWERS.codeInvalid, UNCOUNTED));
    expect(failureOf(refused)).toEqual({ name: "CODE_USED_UP", metadata: { limit: "code" } });
  });

  test("the tries left are those of the tightest limit", () => {
    const scenario = givenUser(...withCode);
    guess(scenario, POLICY.maxAttemptsPerCode - 2);
    expect(failureOf(scenario.when(verify("WRONG", "fresh client")))?.metadata).toEqual({
      attemptsLeft: "1",
    });
  });

  test("a limit holds in the code's last millisecond", () => {
    const scenario = givenUser(...withCode);
    guess(scenario, POLICY.maxAttemptsPerCode);
    const refused = scenario.when(verify("CODE1"), { nowMs: EXPIRY });
    expect(failureOf(refused)?.name).toBe("CODE_USED_UP");
    expect(refused.events).toEqual([]);
  });

  test.each([sendCode(SEND), resendCode(SEND)])("a new code ($type) has tries of its own", (command) => {
    const scenario = givenUser(...withCode);
    guess(scenario, POLICY.maxAttemptsPerClient, "client1");
    scenario.when(command);
    expect(scenario.when(verify("CODE2")).outcome.ok).toBe(true);
  });

  test.each([
    ["the machines of one network", "address:2001:db8:1:2:", "CODE_USED_UP"],
    ["networks", "address:2001:db8:1:", "CODE_INVALID"],
  ])("%s are one client, or not", (_row, prefix, reason) => {
    const scenario = givenUser(...withCode);
    const addressOf = (n: number) => (prefix.split(":").length === 6 ? `${prefix}:${n}` : `${prefix}${n}::1`);
    for (let n = 1; n <= POLICY.maxAttemptsPerClient; n += 1) scenario.when(verify("WRONG", addressOf(n)));
    expect(failureOf(scenario.when(verify("WRONG", addressOf(9))))?.name).toBe(reason);
  });

  describe("of an address and a day", () => {
    const policy = { maxFailuresPerDay: 4 };
    const spend = (scenario: ReturnType<typeof givenUser>, nowMs = NOW) => {
      for (let n = 1; n <= 4; n += 1) scenario.when(verify("WRONG", `client${n}`), { policy, nowMs });
    };

    test("a new code does not bring them back; the next day does", () => {
      const scenario = givenUser(...withCode);
      spend(scenario);
      scenario.when(sendCode(SEND), { policy });
      const nowMs = NOW + 60_000;
      const refused = scenario.when(verify("CODE2", "fresh client"), { policy, nowMs });
      expect(told(refused)).toEqual(only(ANSWERS.codeInvalid, UNCOUNTED));
      expect(failureOf(refused)).toEqual({
        name: "ADDRESS_USED_UP",
        metadata: { limit: "address" },
        retryAfterMs: DAY_MS - 60_000,
        quota: { subject: "user:user1/email", description: "4 wrong tries per address and day" },
      });
      const nextDay = { policy, nowMs: NOW + DAY_MS };
      scenario.when(sendCode(SEND), nextDay);
      expect(scenario.when(verify("CODE3"), nextDay).outcome.ok).toBe(true);
    });

    test("they are the address's: another user with it has none, the same user with another address has", () => {
      const scenario = givenUser(...withCode);
      spend(scenario);
      const other = givenUser(humanAdded({ userName: "bob", email: ADDRESS.toUpperCase() }), codeAdded(1));
      for (const [bucket, use] of scenario.buckets) other.buckets.set(bucket, use);
      expect(failureOf(other.when(verify("CODE1", "other"), { policy }))?.name).toBe("ADDRESS_USED_UP");

      scenario.when(setEmail(NEW_ADDRESS), { policy });
      expect(scenario.when(verify("CODE2", "fresh client"), { policy }).outcome.ok).toBe(true);
    });

    test("0 is no limit", () => {
      const scenario = givenUser(...withCode);
      const unlimited = { policy: { maxFailuresPerDay: 0, maxAttemptsPerCode: 1_000 } };
      for (let n = 0; n < 999; n += 1) scenario.when(verify("WRONG", `client${n}`), unlimited);
      const decision = scenario.when(verify("WRONG", "client999"), unlimited);
      expect(failureOf(decision)?.metadata).toEqual({ attemptsLeft: "0" });
    });
  });
});

describe("codes that work at the same time", () => {
  const policy = { liveCodes: 2 };
  const both = [humanAdded(), beside(1), beside(2)];

  test.each([
    ["the newest", "CODE2", 2],
    ["the one before", "CODE1", 1],
  ])("%s verifies, and ends the other", (_row, code, n) => {
    const scenario = givenUser(...both);
    expect(scenario.when(verify(code), { policy }).events).toEqual([verified(n)]);
    expect(told(scenario.when(verify(code), { policy })).outcome).toEqual(reply(4));
    const other = scenario.when(verify(`CODE${3 - n}`), { policy });
    expect(failureOf(other)?.name).toBe("CODE_SUPERSEDED");
  });

  test("no more of them work than the policy said when the newest was sent", () => {
    const scenario = givenUser(...withCode);
    for (const n of [2, 3, 4]) {
      scenario.when(sendCode(SEND), { policy });
      expect(scenario.events.at(-1)).toMatchObject({ payload: { codeId: `code${n}`, live_codes: 2 } });
    }
    expect(failureOf(scenario.when(verify("CODE2"), { policy }))?.name).toBe("CODE_SUPERSEDED");
    expect(scenario.when(verify("CODE3"), { policy }).outcome.ok).toBe(true);
  });

  test("a wrong try is charged to both, and to the address once", () => {
    const decision = givenUser(...both).when(verify("WRONG"), { policy });
    expect(told(decision)).toEqual(
      only(ANSWERS.codeInvalid, { events: [failed(2)], debits: charges([2, 1]) }),
    );
  });

  test("one budget: what was tried at the first counts for the second, and a third does not bring it back", () => {
    const scenario = givenUser(humanAdded(), beside(1));
    for (let n = 1; n <= POLICY.maxAttemptsPerClient - 1; n += 1) scenario.when(verify("WRONG"), { policy });
    scenario.when(sendCode(SEND), { policy });
    expect(failureOf(scenario.when(verify("WRONG"), { policy }))?.metadata).toEqual({ attemptsLeft: "0" });
    for (const code of ["CODE1", "CODE2"]) {
      expect(failureOf(scenario.when(verify(code), { policy }))).toMatchObject({ name: "CODE_USED_UP" });
    }
    // The third takes the place of the first; the second was tried once.
    scenario.when(sendCode(SEND), { policy });
    expect(failureOf(scenario.when(verify("WRONG"), { policy }))?.metadata).toEqual({ attemptsLeft: "1" });
    expect(scenario.when(verify("CODE2"), { policy }).outcome.ok).toBe(true);
  });

  test("who has no tries left is told when the code that they were spent on is out of the way", () => {
    const scenario = givenUser(humanAdded(), beside(1));
    for (let n = 1; n <= POLICY.maxAttemptsPerClient; n += 1) scenario.when(verify("WRONG"), { policy });
    const laterMs = NOW + 1_000;
    scenario.when(sendCode(SEND), { policy, nowMs: laterMs });
    expect(failureOf(scenario.when(verify("CODE2"), { policy, nowMs: laterMs }))).toEqual({
      name: "CODE_USED_UP",
      metadata: { limit: "client" },
      retryAfterMs: EXPIRY + 1 - laterMs,
      quota: { subject: "user:user1/code", description: "3 wrong tries per code and client" },
    });
    expect(scenario.when(verify("CODE2"), { policy, nowMs: EXPIRY + 1 }).outcome.ok).toBe(true);
  });

  test("a changed address ends all of them", () => {
    const scenario = givenUser(...both, emailChanged(), beside(3));
    for (const code of ["CODE1", "CODE2"]) {
      expect(failureOf(scenario.when(verify(code), { policy }))?.name).toBe("CODE_SUPERSEDED");
    }
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
    ["code used, and another sent", givenUser(...used, codeAdded(2)), "CODE1", NOW],
    ["code used, another submitted", givenUser(...used), "WRONG", NOW],
  ])("%s", (row, scenario, code, nowMs) => {
    const command = row === "no user id" ? { ...verify(code), userId: "" } : verify(code);
    const decision = scenario.when(command, { caller: anonymous, nowMs });
    expect(decision.outcome).toStrictEqual({ ok: false, failure: { name: "CODE_INVALID" } });
    expect(told(decision).outcome).toBe(ANSWERS.codeInvalid);
    // All that is written takes the same time, an event that of eight counters.
    expect(decision.debits.length + 8 * decision.events.length).toBe(11);
  });

  test("their wrong tries are recorded and paid as anybody's", () => {
    const decision = givenUser(...withCode).when(verify("WRONG", "192.0.2.1"), { caller: anonymous });
    expect(told(decision)).toEqual(
      only(ANSWERS.codeInvalid, { events: [failed(1)], debits: charges(1, "192.0.2.1") }),
    );
  });

  test("a wrong try at the code that verified, which anybody can make, is counted and no event", () => {
    const decision = givenUser(...used).when(verify("WRONG"), { caller: anonymous });
    expect(decision.events).toEqual([]);
    expect(decision.debits).toEqual([
      { bucket: "repeats:code1:client1", amount: 1, expiresAtMs: EXPIRY + 1 },
      { bucket: "repeats:code1", amount: 1, expiresAtMs: EXPIRY + 1 },
      { bucket: failuresOf(ADDRESS), amount: 1, expiresAtMs: NOW + DAY_MS },
      ...futile(8),
    ]);
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

  test("is found by guessing no more easily than the code was before", () => {
    const scenario = givenUser(...used);
    for (let n = 1; n <= POLICY.maxAttemptsPerClient; n += 1) {
      expect(failureOf(scenario.when(verify("WRONG")))?.name).toBe("NO_CODE");
    }
    expect(failureOf(scenario.when(verify("CODE1")))?.name).toBe("CODE_USED_UP");
    expect(scenario.when(verify("CODE1", "client2")).outcome.ok).toBe(true);
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
