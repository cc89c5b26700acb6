// That tests in a browser are skipped is for machines of people; continuous integration must not go without them.
import { expect, test } from "@jest/globals";
import { browserTests } from "../support/describe-in-browser.ts";

test.each([
  { reason: undefined, ci: undefined, expected: "run" },
  { reason: undefined, ci: "true", expected: "run" },
  { reason: "none here", ci: undefined, expected: "skip" },
  { reason: "none here", ci: "", expected: "skip" },
  { reason: "none here", ci: "false", expected: "skip" },
  { reason: "none here", ci: "true", expected: "fail" },
  { reason: "none here", ci: "1", expected: "fail" },
])("no browser because $reason, CI=$ci: $expected", ({ reason, ci, expected }) => {
  expect(browserTests(reason, ci)).toBe(expected);
});
