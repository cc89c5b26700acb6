// What becomes of a command that carries a key: done and kept, repeated, or refused.
import { expect, test } from "@jest/globals";
import type { IdempotencyKey, UserCommand } from "../../../../src/verification/user/commands.ts";
import { userDecider } from "../../../../src/verification/user/decider.ts";
import type { UserEvent } from "../../../../src/verification/user/events.ts";
import { REPLY_KEPT_MS } from "../../../../src/verification/user/idempotency.ts";
import { CALLERS, NOW, only, ORG, reply, Scenario, told } from "../given.ts";

const ADDED: UserEvent = {
  type: "user.human.added",
  payload: {
    userName: "ada",
    firstName: "Ada",
    lastName: "L",
    displayName: "Ada L",
    email: "ada@example.com",
  },
};
const KEY: IdempotencyKey = { scope: "scope", fingerprint: "fingerprint" };
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

test("nothing else is asked of the repetition: not even whether it is allowed by now", () => {
  const scenario = given();
  scenario.when(sendCode("send"));
  const again = scenario.when(sendCode("send"), { caller: CALLERS.withoutGrants });
  expect(again.outcome).toMatchObject({ ok: true, reply: { replay: { userId: "user1" } } });
});

test("another request under the key is refused", () => {
  const scenario = given();
  scenario.when(sendCode("send"));
  const other = scenario.when(sendCode("send", { fingerprint: "another" }));
  const refusal =
    "invalid_argument: Another request was made with this Idempotency-Key; nothing was executed";
  expect(told(other)).toEqual(only(refusal));
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
