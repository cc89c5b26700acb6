/** Whatever happens to a user: what always holds of its state. */
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { Caller } from "../../../../src/verification/caller.ts";
import type { Verification } from "../../../../src/verification/user/commands.ts";
import { evolve } from "../../../../src/verification/user/evolve.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { UNKNOWN_USER, type UserState, type UserStatus } from "../../../../src/verification/user/state.ts";
import { CALLERS, NOW, ORG, Scenario } from "../given.ts";
import {
  ADDRESS,
  NEW_ADDRESS,
  NONE,
  PASTS,
  RETURN,
  SEND,
  USER,
  VERIFIED,
  addUser,
  givenUser,
  resendCode,
  sendCode,
  sendTo,
  setEmail,
  updateUser,
  verify,
} from "./user-data.ts";

type Step = (scenario: ReturnType<typeof givenUser>) => Parameters<ReturnType<typeof givenUser>["when"]>[0];

const NEXT: Record<UserStatus, readonly UserStatus[]> = {
  unknown: ["active"],
  initial: ["locked", "deleted"],
  active: ["locked", "inactive", "deleted"],
  inactive: ["active", "deleted"],
  locked: ["active", "inactive", "deleted"],
  deleted: [],
};

const verification = fc.constantFrom<Verification>(SEND, RETURN, VERIFIED, NONE, sendTo("{{"));
const code = fc.constantFrom(SEND, RETURN);
const address = fc.constantFrom(ADDRESS, NEW_ADDRESS, "third@example.com", "broken");

/** The code that was issued `age` codes ago. */
const submit =
  (age: number, client: string): Step =>
  ({ events }) =>
    verify(`CODE${events.filter(({ type }) => type.endsWith("code.added")).length - age}`, client);

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 0, 0, 1, 2), fc.constantFrom("a", "b"))
      .map(([age, by]) => submit(age, by)),
  },
  {
    weight: 3,
    arbitrary: code.map(
      (choice): Step =>
        () =>
          sendCode(choice),
    ),
  },
  {
    weight: 1,
    arbitrary: code.map(
      (choice): Step =>
        () =>
          resendCode(choice),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(address, verification).map(
      ([to, how]): Step =>
        () =>
          setEmail(to, how),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(address, verification, fc.constantFrom("ada", "bob", " ")).map(
      ([to, how, username]): Step =>
        () =>
          updateUser({ username, email: { address: to, verification: how } }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom("user.lock", "user.unlock", "user.deactivate", "user.reactivate", "user.delete")
      .map((type): Step => () => ({ type, userId: USER })),
  },
  {
    weight: 1,
    arbitrary: verification.map(
      (how): Step =>
        () =>
          addUser({ email: { address: ADDRESS, verification: how } }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>(() => ({ type: "email.recordSent", userId: USER, codeId: "code1" })),
  },
);

const caller = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Caller>(CALLERS.iamOwner) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Caller>(CALLERS.self, CALLERS.anonymous, CALLERS.system, CALLERS.reader),
  },
);

/** Whether the current address was verified, read off the events alone. */
function wasVerified(events: readonly UserEvent[]): boolean {
  const last = events.findLast(({ type }) =>
    ["user.human.added", "user.human.email.changed", "user.human.email.verified", "user.removed"].includes(
      type,
    ),
  );
  return last?.type === "user.human.email.verified";
}

test("every history keeps the invariants", () => {
  const past = fc.constantFrom(PASTS.unknown, PASTS.unknown, PASTS.active, PASTS.initial);
  const steps = fc.array(fc.tuple(step, caller, fc.constantFrom(1, 1, 1000, 60_000, 1_800_000, 3_600_001)), {
    minLength: 15,
    maxLength: 30,
  });
  const reached = { verified: 0, repeated: 0, deleted: 0 };
  fc.assert(
    fc.property(past, steps, (given, all) => {
      const scenario = givenUser(...given);
      let nowMs = NOW;
      for (const [choose, who, passed] of all) {
        nowMs += passed;
        const command = choose(scenario);
        const before = scenario.state;
        const frozen = JSON.stringify(before);
        const decision = scenario.when(command, { caller: who, nowMs });
        const { state, events } = scenario;

        // The state is the fold of the events, plain data, and deciding does not change it.
        expect(JSON.stringify(before)).toBe(frozen);
        expect(JSON.parse(JSON.stringify(state))).toStrictEqual(state);
        expect(state.sequence).toBe(events.length);
        if (decision.outcome.ok) {
          // A repeated success says again what the first one said; every other answer says where the user is now.
          const isRepeat = command.type === "email.verify" && decision.events.length === 0;
          const { spentCode } = state;
          expect(decision.outcome.reply.details).toEqual({
            sequence: isRepeat ? spentCode?.sequence : state.sequence,
            changedAtMs: isRepeat ? spentCode?.verifiedAtMs : state.changedAtMs,
            resourceOwner: state.organizationId,
          });
        } else {
          // A refusal records at most the failed try.
          expect(decision).toMatchObject({ outbox: [], claims: [] });
          expect(
            decision.events.filter(({ type }) => type !== "user.human.email.verification.failed"),
          ).toEqual([]);
        }

        expect(legal(before, decision.events)).toBe(true);
        expect(state.email.isVerified).toBe(wasVerified(events));
        if (state.code !== null) expect(state.code.codeId).toBe(newestCode(events));

        // A code verifies only while it is the live one; a mail carries only the live one.
        for (const event of decision.events) {
          if (event.type === "user.human.email.verified" && event.payload.codeId !== undefined) {
            expect(before.code).toMatchObject({ codeId: event.payload.codeId });
            expect(before.code?.expiresAtMs).toBeGreaterThanOrEqual(nowMs);
            reached.verified += 1;
          }
        }
        for (const mail of decision.outbox) {
          expect(mail).toMatchObject({ codeId: state.code?.codeId, recipient: state.email.address });
          expect(mail.expiresAtMs).toBe(state.code?.expiresAtMs);
        }
        if (command.type === "email.verify" && decision.outcome.ok && decision.events.length === 0) {
          expect(events[(state.spentCode?.sequence ?? 0) - 1]?.type).toBe("user.human.email.verified");
          reached.repeated += 1;
        }

        // One user holds one username, and its id for ever.
        const held = [...scenario.claims.keys()].filter((claim) => claim.startsWith("username:"));
        if (given === PASTS.unknown) {
          const living = !["unknown", "deleted"].includes(state.status);
          expect(held).toEqual(living ? [`username:${state.username}`] : []);
          expect(scenario.claims.has(`subject:${USER}`)).toBe(state.sequence > 0);
        }
        if (state.status === "deleted") reached.deleted += 1;
      }
    }),
    { numRuns: 300 },
  );
  // The histories went where the invariants matter.

  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(5);
});

function newestCode(events: readonly UserEvent[]): string | undefined {
  const added = events.findLast((event) => event.type === "user.human.email.code.added");
  return added?.payload.codeId;
}

function legal(before: UserState, events: readonly UserEvent[]): boolean {
  let state = before;
  return events.every((event) => {
    const next = evolve(state, event, { sequence: 0, createdAtMs: 0, organizationId: ORG });
    const allowed = next.status === state.status || NEXT[state.status].includes(next.status);
    state = next;
    return allowed;
  });
}

test("the unknown user is plain data too", () => {
  expect(JSON.parse(JSON.stringify(UNKNOWN_USER))).toStrictEqual(UNKNOWN_USER);
  expect(new Scenario(givenUser().decider).state).toBe(UNKNOWN_USER);
});
