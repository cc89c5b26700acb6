// Values of flags.
import { describe, expect, jest, test } from "@jest/globals";
import { InvalidArgumentError } from "commander";
import { durationMs, severalOf, timeOrAgo, wholeNumber } from "../../../src/cli/values.ts";

describe("times", () => {
  test.each([
    ["2026-11-22", "2026-11-22T00:00:00.000Z"],
    ["2026-11-22T14:05", "2026-11-22T14:05:00.000Z"],
    ["2026-11-22 14:05:07", "2026-11-22T14:05:07.000Z"],
    ["2026-11-22T14:05:07.25Z", "2026-11-22T14:05:07.250Z"],
    ["2026-11-22T14:05+02:00", "2026-11-22T12:05:00.000Z"],
  ])("%s", (text, expected) => {
    expect(timeOrAgo(text).toISOString()).toBe(expected);
  });

  test("of so long ago", () => {
    jest.useFakeTimers({ now: Date.UTC(2026, 10, 22, 12) });
    try {
      expect(timeOrAgo("90m").toISOString()).toBe("2026-11-22T10:30:00.000Z");
      expect(timeOrAgo("2d").toISOString()).toBe("2026-11-20T12:00:00.000Z");
    } finally {
      jest.useRealTimers();
    }
  });

  test.each([
    "",
    "yesterday",
    "2026",
    "2026-13-01",
    "22.11.2026",
    "Nov 22 2026",
    "2026-11-22T25:00",
    "-5m",
    "5",
  ])("%j is none", (text) => {
    expect(() => timeOrAgo(text)).toThrow(InvalidArgumentError);
  });
});

test.each([
  ["250ms", 250],
  ["30s", 30_000],
  ["0s", 0],
  ["2h", 7_200_000],
])("%s lasts %d ms", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(["", "5", "s", "1.5s", "-1s", "1 s"])("%j is no duration", (text) => {
  expect(() => durationMs(text)).toThrow(InvalidArgumentError);
});

test("whole numbers within limits", () => {
  const read = wholeNumber(1, 256);
  expect([read("1"), read("256")]).toEqual([1, 256]);
  for (const text of ["0", "257", "1e2", "0x10", "", " 7", "1.0"])
    expect(() => read(text)).toThrow(InvalidArgumentError);
});

test("values of a flag that comes several times are collected", () => {
  const read = severalOf(["sent", "failed"]);
  expect(read("failed", read("sent", undefined))).toEqual(["sent", "failed"]);
  expect(() => read("SENT", undefined)).toThrow("It has to be one of sent, failed.");
});
