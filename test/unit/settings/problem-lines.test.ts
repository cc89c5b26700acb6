// How a problem is put: the names, the value, an example.
import { expect, test } from "@jest/globals";
import { problemsOf } from "../../support/settings.ts";

test("a flag is named with its variable", () => {
  expect(problemsOf({}, { codeTtl: "90" })).toEqual([
    'COUNTERSIGN_CODE_TTL (--code-ttl): "90" is not a duration: a whole number and one of ms, s, m, h, d; example: --code-ttl 15m',
  ]);
});

test("examples are quoted where a shell would need it", () => {
  expect(problemsOf({ COUNTERSIGN_MAIL_FROM: "x" })[0]).toMatch(/MAIL_FROM='Example Accounts <.*>'$/);
});

test("a long value is cut", () => {
  expect(problemsOf({ COUNTERSIGN_LOG_LEVEL: "x".repeat(1000) })[0]?.length).toBeLessThan(250);
});
