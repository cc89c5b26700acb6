import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { nextAttempt } from "../../../../src/mail/retry-policy.ts";
import { HTTP_DELAYS } from "../../../../src/mail/webhook/http-rules.ts";
import { delayAfter, MAX_RETRY_AFTER_MS, parseRetryAfter } from "../../../../src/mail/webhook/retry-after.ts";

const NOW_MS = Date.UTC(2026, 10, 6, 8, 49, 37);

test.each([
  ["120", 120_000],
  [" 7 ", 7_000],
  ["0", 0],
  ["86400", MAX_RETRY_AFTER_MS],
  ["9999999999", MAX_RETRY_AFTER_MS],
  ["Fri, 06 Nov 2026 08:50:37 GMT", 60_000],
  ["Friday, 06-Nov-26 08:50:37 GMT", 60_000],
  ["Fri Nov  6 08:50:37 2026", 60_000],
  ["Fri, 06 Nov 2026 08:00:00 GMT", 0],
  ["Fri, 06 Nov 2099 08:00:00 GMT", MAX_RETRY_AFTER_MS],
])("%j: wait %i ms", (value, waitMs) => {
  expect(parseRetryAfter(value, NOW_MS)).toBe(waitMs);
});

test.each([
  undefined,
  "",
  "soon",
  "-5",
  "1.5",
  "1e3",
  "2027",
  "Fri, 99 Nov 2026 08:50:37 GMT",
  "Fri, soon, please",
])("%j says nothing", (value) => {
  expect(parseRetryAfter(value === "2027" ? "2027-01-01" : value, NOW_MS)).toBeUndefined();
});

test("whatever is written there, the wait is bounded", () => {
  const value = fc.oneof(
    fc.string(),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
  );
  fc.assert(
    fc.property(value, (text) => {
      const waitMs = parseRetryAfter(text, NOW_MS) ?? 0;
      expect(waitMs >= 0 && waitMs <= MAX_RETRY_AFTER_MS).toBe(true);
    }),
  );
});

describe("the delay", () => {
  const rule = HTTP_DELAYS.failing;

  test("is the rule's own where that is longer", () => {
    expect(delayAfter(0, rule)).toBe(rule);
    expect(delayAfter(rule.minMs, rule)).toBe(rule);
  });

  test.each([1, 2, 9])("keeps to what was asked for at try %i", (attempt) => {
    const delay = delayAfter(120_000, rule);
    const next = (random: number) =>
      nextAttempt({
        attempt,
        nowMs: NOW_MS,
        queuedAtMs: NOW_MS,
        expiresAtMs: NOW_MS + 3_600_000,
        delay,
        random: () => random,
      });
    expect(next(0)).toBe(NOW_MS + 120_000);
    expect(next(1)).toBe(NOW_MS + 150_000);
  });
});
