import { expect, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { EnvironmentFactory } from "../../../src/store/environment-factory.ts";
import { IdentifierFactory } from "../../../src/store/identifiers.ts";
import { Keyring } from "../../../src/store/keyring.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import { matchesMac, UNAMBIGUOUS_ALPHABET } from "../../../src/verification/code.ts";
import type { Policy } from "../../../src/verification/environment.ts";

const POLICY: Policy = {
  codeTtlMs: 1,
  maxAttemptsPerClient: 1,
  maxAttemptsPerCode: 1,
  maxFailuresPerDay: 1,
  liveCodes: 1,
  defaultUrlTemplate: "https://app.example/{{.Code}}",
  links: { allowedHosts: undefined },
};
const SYSTEM: Caller = { kind: "system" };
const keyring = new Keyring([new Uint8Array(32).fill(1)]);
const clock = { nowMs: Date.UTC(2026, 10, 22) };
const factory = makeFactory(UNAMBIGUOUS_ALPHABET, 6);

function makeFactory(codeAlphabet: string, codeLength: number): EnvironmentFactory {
  return new EnvironmentFactory({
    nowMs: () => clock.nowMs,
    randomBytes,
    identifiers: new IdentifierFactory(() => clock.nowMs, randomBytes),
    keyring,
    policy: POLICY,
    codeAlphabet,
    codeLength,
  });
}

test("a plain environment is the time of the call, the policy and the caller, without a code", () => {
  clock.nowMs += 5;
  const caller: Caller = { kind: "principal", userId: "u", organizationId: "o", grants: [] };
  expect(factory.plain(caller)).toEqual({ nowMs: clock.nowMs, policy: POLICY, caller });
  clock.nowMs += 5;
  expect(factory.plain(caller).nowMs).toBe(clock.nowMs);
  expect(factory.nowMs()).toBe(clock.nowMs);
});

test("a new code opens from its sealed form, under its own delivery only", () => {
  const { env, code } = factory.withNewCode(SYSTEM, "user-1");
  const { delivery, codeId } = newCodeOf(env);
  expect(keyring.open(delivery.sealedCode, delivery.deliveryId)).toBe(code);
  expect(() => keyring.open(delivery.sealedCode, codeId)).toThrow();
  expect(env).toMatchObject({ nowMs: clock.nowMs, policy: POLICY, caller: SYSTEM });
});

test("a code that goes to the caller is not sealed at all", () => {
  expect(factory.withNewCode(SYSTEM, "user-1", null).env.newCode).not.toHaveProperty("delivery");
});

test("its MAC matches the candidates of that code by that user, and of nothing else", () => {
  const { env, code } = factory.withNewCode(SYSTEM, "user-1");
  const { mac } = newCodeOf(env);
  expect(matchesMac(mac, factory.candidateMacs("user-1", code))).toBe(true);
  expect(matchesMac(mac, factory.candidateMacs("user-2", code))).toBe(false);
  expect(matchesMac(mac, factory.candidateMacs("user-1", `${code}A`))).toBe(false);
  expect(matchesMac(mac, factory.candidateMacs("user-1", ""))).toBe(false);
});

test("an empty code has no candidates", () => {
  expect(factory.candidateMacs("user-1", "")).toEqual([]);
  expect(factory.candidateMacs("user-1", " \u2013 ")).toEqual([]);
});

test("a code is the same in every spelling that people give it", () => {
  const { env, code } = factory.withNewCode(SYSTEM, "user-1");
  const { mac } = newCodeOf(env);
  const spelled = `${code.slice(0, 3)}\u2011${code.slice(3)} `.toLowerCase();
  expect(matchesMac(mac, factory.candidateMacs("user-1", spelled))).toBe(true);
});

test("the environment does not hold the code in clear", () => {
  const { env, code } = factory.withNewCode(SYSTEM, "user-1");
  expect(code).not.toBe("");
  expect(JSON.stringify(env)).not.toContain(code);
});

test("codes have the length and the alphabet asked for", () => {
  expect(factory.withNewCode(SYSTEM, "u").code).toMatch(new RegExp(`^[${UNAMBIGUOUS_ALPHABET}]{6}$`));
  expect(makeFactory("01", 20).withNewCode(SYSTEM, "u").code).toMatch(/^[01]{20}$/);
});

test("every code has its own ids, which are not each other's", () => {
  const codes = Array.from({ length: 100 }, () => newCodeOf(factory.withNewCode(SYSTEM, "u").env));
  const ids = codes.flatMap(({ codeId, delivery }) => [codeId, delivery.deliveryId]);
  expect(new Set(ids).size).toBe(200);
});

test("new ids increase", () => {
  const ids = Array.from({ length: 10 }, () => factory.newId());
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(10);
});

function newCodeOf(env: ReturnType<EnvironmentFactory["withNewCode"]>["env"]) {
  const { newCode } = env;
  if (newCode?.delivery === undefined) throw new Error("the environment has no new code for a mail");
  return { ...newCode, delivery: newCode.delivery };
}
