/** Whatever callers do in whatever order: no code, client or address is guessed at more often than its limit says. */
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { UserCommand } from "../../../../src/verification/user/commands.ts";
import { evolve } from "../../../../src/verification/user/evolve.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { UNKNOWN_USER, liveCodes, type UserState } from "../../../../src/verification/user/state.ts";
import { CALLERS, NOW, ORG, POLICY, RECORDED_AT } from "../given.ts";
import {
  ADDRESS,
  NEW_ADDRESS,
  RETURN,
  SEND,
  givenUser,
  humanAdded,
  setEmail,
  sendCode,
  verify,
} from "./user-data.ts";

const LIMITS = { maxAttemptsPerClient: 2, maxAttemptsPerCode: 4, maxFailuresPerDay: 9 };
const DAY_MS = 86_400_000;
const CLIENTS = ["a", "b", "c", "address:192.0.2.1", "address:2001:db8::1"] as const;

type Step =
  | { readonly kind: "guess"; readonly client: string }
  /** The code that was issued `age` codes ago. */
  | { readonly kind: "submit"; readonly client: string; readonly age: number }
  | { readonly kind: "send" }
  | { readonly kind: "move"; readonly to: string }
  | { readonly kind: "vouch" };

const client = fc.constantFrom(...CLIENTS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("guess" as const), client }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("submit" as const), client, age: fc.nat({ max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: "send" }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("move" as const), to: fc.constantFrom(ADDRESS, NEW_ADDRESS) }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "vouch" }) },
);
const passed = fc.constantFrom(
  0,
  0,
  0,
  1,
  1_000,
  60_000,
  POLICY.codeTtlMs / 2,
  POLICY.codeTtlMs + 1,
  DAY_MS / 3,
);
const history = fc.record({
  liveCodes: fc.constantFrom(1, 1, 2, 3, 5),
  steps: fc.array(fc.tuple(step, passed), { minLength: 30, maxLength: 120, size: "max" }),
});

/** What was compared, told from the decisions alone and not from the counters. */
class Ledger {
  readonly #perCode = new Map<string, number>();
  readonly #perClient = new Map<string, number>();
  readonly #failuresMs = new Map<string, number[]>();

  /** A wrong try that was compared with these codes. */
  wrong(codes: readonly string[], who: string, address: string, nowMs: number): void {
    for (const codeId of codes) {
      raise(this.#perCode, codeId);
      raise(this.#perClient, `${codeId} ${who}`);
    }
    const times = this.#failuresMs.get(address) ?? [];
    times.push(nowMs);
    this.#failuresMs.set(address, times);
  }

  /** Whether the right code may be taken: some try is left, for this client, of all, and at this address. */
  allows(codes: readonly string[], who: string): boolean {
    return codes.every(
      (codeId) =>
        (this.#perCode.get(codeId) ?? 0) < LIMITS.maxAttemptsPerCode &&
        (this.#perClient.get(`${codeId} ${who}`) ?? 0) < LIMITS.maxAttemptsPerClient,
    );
  }

  check(): void {
    for (const used of this.#perCode.values()) expect(used).toBeLessThanOrEqual(LIMITS.maxAttemptsPerCode);
    for (const used of this.#perClient.values())
      expect(used).toBeLessThanOrEqual(LIMITS.maxAttemptsPerClient);
    for (const times of this.#failuresMs.values()) expect(mostPerDay(times)).toBe(true);
  }
}

function raise(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Days begin with their first failure: no day has more failures than allowed. */
function mostPerDay(times: readonly number[]): boolean {
  let [startMs, count] = [Number.NEGATIVE_INFINITY, 0];
  for (const nowMs of times) {
    if (nowMs >= startMs + DAY_MS) [startMs, count] = [nowMs, 0];
    count += 1;
    if (count > LIMITS.maxFailuresPerDay) return false;
  }
  return true;
}

function commandOf(chosen: Step, codes: number): UserCommand {
  switch (chosen.kind) {
    case "guess":
      return verify("WRONG", chosen.client);
    case "submit":
      return verify(`CODE${codes - chosen.age}`, chosen.client);
    case "send":
      return sendCode(SEND);
    case "move":
      return setEmail(chosen.to, RETURN);
    case "vouch":
      return setEmail(NEW_ADDRESS, { kind: "verified" });
  }
}

test("no history of sends, moves, guesses and right codes gets past a limit", () => {
  const reached = { wrong: 0, usedUp: 0, dayUsedUp: 0, verifiedByOlder: 0, refusedRight: 0, repeats: 0 };
  fc.assert(
    fc.property(history, (all) => {
      const policy = { ...LIMITS, liveCodes: all.liveCodes };
      const scenario = givenUser(humanAdded());
      const ledger = new Ledger();
      const timesMs = [RECORDED_AT];
      let nowMs = NOW;
      for (const [chosen, passedMs] of all.steps) {
        nowMs += passedMs;
        const before = scenario.state;
        const codes = scenario.events.filter(({ type }) => type.endsWith("code.added")).length;
        const live = liveCodes(before, nowMs).map(({ codeId }) => codeId);
        expect(live.length).toBeLessThanOrEqual(all.liveCodes);
        const decision = scenario.when(commandOf(chosen, codes), { caller: CALLERS.iamOwner, nowMs, policy });
        timesMs.push(...decision.events.map(() => nowMs));

        if ("client" in chosen) {
          const { outcome, events } = decision;
          const failedTry = events.some(({ type }) => type.endsWith("verification.failed"));
          const address = before.email.address;
          if (failedTry) {
            reached.wrong += 1;
            expect(live).not.toEqual([]);
            ledger.wrong(live, chosen.client, address, nowMs);
          } else if (!outcome.ok && decision.debits.some(({ bucket }) => bucket.startsWith("repeats:"))) {
            reached.repeats += 1;
            ledger.wrong([`repeats of ${before.spentCode?.codeId}`], chosen.client, address, nowMs);
          }
          const verifiedBy = events.find((event) => event.type === "user.human.email.verified");
          if (verifiedBy?.type === "user.human.email.verified") {
            const { codeId = "" } = verifiedBy.payload;
            expect(live).toContain(codeId);
            expect(ledger.allows(live, chosen.client)).toBe(true);
            if (codeId !== live[0]) reached.verifiedByOlder += 1;
          }
          if (!outcome.ok && outcome.failure.name === "CODE_USED_UP") {
            reached.usedUp += 1;
            if (chosen.kind === "submit") reached.refusedRight += 1;
          }
          if (!outcome.ok && outcome.failure.name === "ADDRESS_USED_UP") {
            reached.dayUsedUp += 1;
            expect(outcome.failure.retryAfterMs).toBeGreaterThan(0);
            expect(outcome.failure.retryAfterMs).toBeLessThanOrEqual(DAY_MS);
          }
        }
      }
      ledger.check();
      // A store keeps the snapshot as JSON, and an event in the same words.
      expect(JSON.parse(JSON.stringify(scenario.state))).toStrictEqual(scenario.state);
      const events = JSON.parse(JSON.stringify(scenario.events)) as UserEvent[];
      expect(fold(events, timesMs)).toStrictEqual(scenario.state);
    }),
    { numRuns: 200 },
  );
  // The histories went where the limits matter.
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(10);
});

/** The state of a store that reads all events again. @param timesMs when each was recorded */
function fold(events: readonly UserEvent[], timesMs: readonly number[]): UserState {
  let state = UNKNOWN_USER;
  for (const [index, event] of events.entries()) {
    const place = { sequence: index + 1, createdAtMs: timesMs[index] ?? Number.NaN, organizationId: ORG };
    state = evolve(state, event, place);
  }
  return state;
}
