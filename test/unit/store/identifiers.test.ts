import { describe, expect, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { IdentifierFactory } from "../../../src/store/identifiers.ts";

const NOON_MS = Date.UTC(2026, 10, 22, 12);

/** A factory whose clock the test turns, on machine 0xABCD. */
function factoryAt(startMs: number) {
  const clock = { nowMs: startMs };
  const factory = new IdentifierFactory(
    () => clock.nowMs,
    (count) => Uint8Array.of(0xab, 0xcd).subarray(0, count),
  );
  return { clock, factory };
}

/** The parts of ZITADEL's ids (sonyflake): 39 bits of time, 8 of sequence, 16 of machine. */
function decode(id: string) {
  const bits = BigInt(id);
  return {
    timeMs: Date.UTC(2019, 3, 29) + Number(bits >> 24n) * 10,
    sequence: Number((bits >> 16n) & 0xffn),
    machineId: Number(bits & 0xffffn),
  };
}

describe("sortable ids", () => {
  test("decode to the time in steps of 10 ms, the sequence and the machine", () => {
    const { clock, factory } = factoryAt(NOON_MS);
    expect(decode(factory.sortable())).toEqual({ timeMs: NOON_MS, sequence: 0, machineId: 0xabcd });
    expect(decode(factory.sortable())).toEqual({ timeMs: NOON_MS, sequence: 1, machineId: 0xabcd });
    clock.nowMs += 19;
    expect(decode(factory.sortable())).toEqual({ timeMs: NOON_MS + 10, sequence: 0, machineId: 0xabcd });
  });

  test.each([
    ["when this was written", NOON_MS],
    ["ten years later", Date.UTC(2036, 10, 22)],
  ])("have 18 digits %s", (_, atMs) => {
    expect(factoryAt(atMs).factory.sortable()).toMatch(/^[1-9]\d{17}$/);
  });

  test("10,000 in one instant are unique and increase", () => {
    const { factory } = factoryAt(NOON_MS);
    expectIncreasing(Array.from({ length: 10_000 }, () => factory.sortable()));
  });

  test("increase when the clock goes on after a burst", () => {
    const { clock, factory } = factoryAt(NOON_MS);
    const ids: string[] = [];
    for (let step = 0; step < 100; step++) {
      for (let count = 0; count < (step < 5 ? 1_000 : 100); count++) ids.push(factory.sortable());
      clock.nowMs += 10;
    }
    expectIncreasing(ids);
    // The time that the burst borrowed is paid back.
    expect(decode(ids.at(-1) ?? "").timeMs).toBe(NOON_MS + 990);
  });

  test("increase when the clock is set back", () => {
    const { clock, factory } = factoryAt(NOON_MS);
    const ids = [factory.sortable()];
    for (let count = 0; count < 1_000; count++) {
      clock.nowMs -= 3_600_000;
      ids.push(factory.sortable());
    }
    clock.nowMs = NOON_MS + 60_000;
    ids.push(factory.sortable());
    expectIncreasing(ids);
    expect(decode(ids.at(-1) ?? "").timeMs).toBe(NOON_MS + 60_000);
  });

  test("two machines make different ids in one instant", () => {
    const ids = [0, 1].map((low) => {
      const factory = new IdentifierFactory(
        () => NOON_MS,
        () => Uint8Array.of(0, low),
      );
      return factory.sortable();
    });
    expect(ids.map((id) => decode(id).machineId)).toEqual([0, 1]);
    expect(new Set(ids).size).toBe(2);
  });
});

describe("random ids", () => {
  test("are the 16 random bytes in base64url", () => {
    const bytes = Uint8Array.from({ length: 16 }, (_, index) => 255 - index);
    const factory = new IdentifierFactory(
      () => NOON_MS,
      (count) => bytes.subarray(0, count),
    );
    const id = factory.random();
    expect(id).toMatch(/^[\w-]{22}$/);
    expect(Uint8Array.from(Buffer.from(id, "base64url"))).toEqual(bytes);
  });

  test("do not repeat", () => {
    const factory = new IdentifierFactory(() => NOON_MS, randomBytes);
    expect(new Set(Array.from({ length: 10_000 }, () => factory.random())).size).toBe(10_000);
  });
});

/** As numbers and, being of one length, as text. */
function expectIncreasing(ids: readonly string[]): void {
  const wrong = ids.filter((id, index) => index > 0 && BigInt(id) <= BigInt(ids[index - 1] ?? ""));
  expect(wrong).toEqual([]);
  expect(ids.toSorted()).toEqual(ids);
}
