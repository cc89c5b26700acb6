// What codes look like, how long they work, and how often they may be guessed at.
import { describe, expect, test } from "@jest/globals";
import { expectRefused, expectTaken, problemsOf } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["CODE_LENGTH", "20", { codeLength: 20 }],
  ["CODE_LENGTH", "4", { codeLength: 4 }],
  ["CODE_ALPHABET", "0123456789abcdef", { codeAlphabet: "0123456789abcdef" }],
  ["CODE_TTL", "90s", { codeTtlMs: 90_000 }],
  ["CODE_TTL", "1m", { codeTtlMs: 60_000 }],
  ["CODE_TTL", "15m", { codeTtlMs: 900_000 }],
  ["CODE_TTL", "2d", { codeTtlMs: 172_800_000 }],
  ["CODE_TTL", "168h", { codeTtlMs: 604_800_000 }],
  ["CODE_MAX_ATTEMPTS", "1000", { codeMaxAttempts: 1000 }],
  ["LIVE_CODES", "5", { liveCodes: 5 }],
  ["FAILURES_PER_DAY", "0", { maxFailuresPerDay: 0 }],
])("%s=%s", expectTaken);

test.each([
  ["CODE_LENGTH", "3", "is not a whole number from 4 to 20"],
  ["CODE_LENGTH", "21", "is not a whole number from 4 to 20"],
  ["CODE_LENGTH", "6.5", "is not a whole number from 4 to 20"],
  ["CODE_LENGTH", "1e1", "is not a whole number from 4 to 20"],
  ["CODE_ALPHABET", "A", "has fewer than 2 symbols"],
  ["CODE_ALPHABET", "ABCA", "has a symbol twice"],
  ["CODE_ALPHABET", "AB C", "has symbols other than printable ASCII without spaces"],
  ["CODE_ALPHABET", "ABÜ", "has symbols other than printable ASCII without spaces"],
  ["CODE_TTL", "90", "is not a duration: a whole number and one of ms, s, m, h, d"],
  ["CODE_TTL", "1.5h", "is not a duration: a whole number and one of ms, s, m, h, d"],
  ["CODE_TTL", "59s", "is not between 1m and 7d"],
  ["CODE_TTL", "8d", "is not between 1m and 7d"],
  ["CODE_TTL", `${"9".repeat(50)}s`, "is not between 1m and 7d"],
  ["CODE_MAX_ATTEMPTS", "0", "is not a whole number from 1 to 1000"],
  ["CODE_MAX_ATTEMPTS", "1001", "is not a whole number from 1 to 1000"],
  ["LIVE_CODES", "0", "is not a whole number from 1 to 5"],
  ["LIVE_CODES", "6", "is not a whole number from 1 to 5"],
  ["FAILURES_PER_DAY", "100001", "is not a whole number from 0 to 100000"],
])("%s=%s is refused", expectRefused);

describe("the strength of codes", () => {
  test.each([
    [
      "0123456789",
      "5",
      "5 symbols out of an alphabet of 10 give 16.6 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=6",
    ],
    [
      "01",
      "18",
      "18 symbols out of an alphabet of 2 give 18 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=19",
    ],
    [
      "ABCDEFGHJKLMNPQRSTUVWXYZ",
      "4",
      "4 symbols out of an alphabet of 24 give 18.3 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=5",
    ],
  ])("%s, %s symbols: too weak", (alphabet, length, fault) => {
    const env = { COUNTERSIGN_CODE_ALPHABET: alphabet, COUNTERSIGN_CODE_LENGTH: length };
    expect(problemsOf(env)).toEqual([`COUNTERSIGN_CODE_LENGTH: ${fault}`]);
  });

  test.each([
    ["0123456789", "7"],
    ["01", "20"],
    ["ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "4"],
  ])("%s, %s symbols: enough", (alphabet, length) => {
    expect(problemsOf({ COUNTERSIGN_CODE_ALPHABET: alphabet, COUNTERSIGN_CODE_LENGTH: length })).toEqual([]);
  });
});
