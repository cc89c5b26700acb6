import { format, inspect } from "node:util";
import { expect, test } from "@jest/globals";
import { Secret } from "../../../src/observability/secret.ts";

const secret = new Secret("hunter2-hunter2");

test("reveals its value to whoever asks for it", () => {
  expect(secret.reveal()).toBe("hunter2-hunter2");
});

test.each([
  // oxlint-disable-next-line typescript/restrict-template-expressions -- what must not happen, and does
  ["a template", `${secret}`],
  ["String()", String(secret)],
  ["JSON", JSON.stringify({ secret })],
  ["console.log", format("%s %o %j", secret, secret, secret)],
  ["inspect", inspect({ nested: { secret } }, { depth: 9, showHidden: true })],
])("%s shows [secret]", (_, text) => {
  expect(text).toContain("[secret]");
  expect(text).not.toContain("hunter2");
});

test.each([
  ["its keys", Object.entries(secret)],
  // oxlint-disable-next-line typescript/no-misused-spread -- the same
  ["a spread", { ...secret }],
  ["a structured clone", structuredClone(secret)],
])("%s carry nothing", (_, value) => {
  expect(JSON.stringify(value)).not.toContain("hunter2");
});
