import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  CircuitBreaker,
  LONGEST_REST_MS,
  REST_JITTER,
  type Pass,
} from "../../../src/mail/circuit-breaker.ts";

function setUp(random = () => 0.5) {
  const clock = { ms: 1_000_000 };
  const breaker = new CircuitBreaker({ nowMs: () => clock.ms, random });
  const admitted = (): Pass => {
    const pass = breaker.admit();
    if (pass === undefined) throw new Error("no pass");
    return pass;
  };
  const fail = (times = 1) => {
    for (let n = 0; n < times; n++) admitted().faulty(false);
  };
  return { clock, breaker, admitted, fail };
}

describe("closed", () => {
  test("gives everybody a pass, and counts faults on end only", () => {
    const { breaker, admitted, fail } = setUp();
    fail(2);
    expect(admitted().healthy()).toEqual({});
    fail(2);
    expect(breaker.restsUntilMs).toBeUndefined();
    expect(admitted().faulty(false)).toEqual({ changedTo: "open" });
    expect(breaker.admit()).toBeUndefined();
  });

  test("an unused pass neither counts nor forgives", () => {
    const { breaker, admitted, fail } = setUp();
    fail(2);
    admitted().unused();
    fail(1);
    expect(breaker.admit()).toBeUndefined();
  });

  test("opens at once for what only a person mends", () => {
    expect(setUp().admitted().faulty(true)).toEqual({ changedTo: "open" });
  });

  test("passes of before it opened change nothing", () => {
    const { clock, breaker, admitted } = setUp();
    const passes = Array.from({ length: 6 }, admitted);
    for (const pass of passes.slice(0, 5)) pass.faulty(false);
    expect(breaker.restsUntilMs).toBe(clock.ms + 5_000);
    expect(passes[5]?.healthy()).toEqual({});
    expect(breaker.restsUntilMs).toBe(clock.ms + 5_000);
    clock.ms += 5_000;
    const probe = admitted();
    passes[5]?.faulty(false);
    expect(probe.healthy()).toEqual({ changedTo: "closed" });
  });

  test("a pass counts once", () => {
    const { breaker, admitted } = setUp();
    const pass = admitted();
    for (let n = 0; n < 5; n++) pass.faulty(false);
    expect(breaker.restsUntilMs).toBeUndefined();
  });
});

describe("open and half open", () => {
  test("rests 5 seconds, doubling to a minute, with one probe after each rest", () => {
    const { clock, breaker, admitted, fail } = setUp();
    fail(3);
    for (const restMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      expect(breaker.restsUntilMs).toBe(clock.ms + restMs);
      clock.ms += restMs - 1;
      expect(breaker.admit()).toBeUndefined();
      clock.ms += 1;
      expect(breaker.restsUntilMs).toBeUndefined();
      const probe = admitted();
      expect(breaker.admit()).toBeUndefined();
      expect(breaker.restsUntilMs).toBe(clock.ms + 1_000);
      expect(probe.faulty(false)).toEqual({ changedTo: "open" });
    }
  });

  test("a healthy probe closes, and the next rest is short again", () => {
    const { clock, breaker, admitted, fail } = setUp();
    fail(3);
    clock.ms += 5_000;
    fail(1);
    clock.ms += 10_000;
    expect(admitted().healthy()).toEqual({ changedTo: "closed" });
    fail(2);
    expect(breaker.restsUntilMs).toBeUndefined();
    fail(1);
    expect(breaker.restsUntilMs).toBe(clock.ms + 5_000);
  });

  test("an unused probe leaves its place to the next", () => {
    const { clock, admitted, breaker, fail } = setUp();
    fail(3);
    clock.ms += 5_000;
    const probe = admitted();
    probe.unused();
    expect(breaker.restsUntilMs).toBeUndefined();
    const next = admitted();
    expect(probe.healthy()).toEqual({});
    expect(breaker.admit()).toBeUndefined();
    expect(next.healthy()).toEqual({ changedTo: "closed" });
  });
});

test.each([
  [0, 4_000],
  [1, 6_000],
])("a draw of %d makes the first rest %d ms long", (draw, restMs) => {
  const { clock, breaker, fail } = setUp(() => draw);
  fail(3);
  expect(breaker.restsUntilMs).toBe(clock.ms + restMs);
});

test("whatever happens: one probe at a time, no rest beyond the longest, and never shut for ever", () => {
  const step = fc.record({
    what: fc.constantFrom("admit", "healthy", "faulty", "mend", "unused"),
    which: fc.nat(10),
    waitMs: fc.nat(30_000),
    draw: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      let draw = 0;
      const { clock, breaker } = setUp(() => draw);
      let passes: { pass: Pass; isProbe: boolean }[] = [];
      for (const { what, which, waitMs, draw: drawn } of steps) {
        draw = drawn;
        clock.ms += waitMs;
        if (what === "admit") {
          const wasOpen = passes.some(({ isProbe }) => isProbe);
          const pass = breaker.admit();
          if (pass === undefined) continue;
          expect(wasOpen).toBe(false);
          passes.push({ pass, isProbe: breaker.restsUntilMs !== undefined });
        } else {
          const [taken] = passes.splice(which % Math.max(1, passes.length), 1);
          if (what === "healthy") taken?.pass.healthy();
          else if (what === "unused") taken?.pass.unused();
          else taken?.pass.faulty(what === "mend");
        }
        expect((breaker.restsUntilMs ?? 0) - clock.ms).toBeLessThanOrEqual(
          LONGEST_REST_MS * (1 + REST_JITTER),
        );
      }
      for (const { pass } of passes) pass.unused();
      passes = [];
      clock.ms += LONGEST_REST_MS * (1 + REST_JITTER);
      expect(breaker.restsUntilMs).toBeUndefined();
      expect(breaker.admit()).toBeDefined();
    }),
  );
});
