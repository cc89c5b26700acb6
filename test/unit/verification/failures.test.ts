import { describe, expect, test } from "@jest/globals";
import {
  FailureError,
  failure,
  failureCatalogue,
  failureMessage,
  type FailureDefinition,
  type FailureName,
} from "../../../src/verification/failures.ts";

const definitions = Object.entries(failureCatalogue) as [FailureName, FailureDefinition][];

describe("the catalogue", () => {
  test.each(definitions)("%s is complete", (_name, { reason, text, id, remedy }) => {
    expect(reason).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(id ?? "COMMAND-1").toMatch(/^[A-Z0-9]+-[A-Za-z0-9]+$/);
    expect(text).toMatch(/^\S(.*\S)?$/);
    expect(remedy).toMatch(/^\S.*\.$/);
  });

  test("one reason always has one code", () => {
    const codes = new Map<string, Set<string>>();
    for (const [, { reason, code }] of definitions)
      codes.set(reason, (codes.get(reason) ?? new Set()).add(code));
    // NO_CODE is "none to resend" (failed_precondition) and "none to verify" (invalid_argument), as in ZITADEL.
    expect([...codes].filter(([, all]) => all.size > 1).map(([reason]) => reason)).toEqual(["NO_CODE"]);
  });
});

describe("failureMessage", () => {
  test.each([
    [failure("CODE_INVALID"), "Code is invalid (COMMAND-eis9R)"],
    [failure("AUTH_HEADER_MISSING"), "auth header missing"],
    [failure("FIELD_NOT_SERVED", { text: "phone is not served" }), "phone is not served"],
    [failure("TOKEN_INVALID", { text: "Errors.Token.Expired" }), "Errors.Token.Expired (AUTH-7fs1e)"],
    [failure("EMAIL_INVALID", { metadata: { problem: "ada@@" } }), "Email is invalid (EMAIL-599BI)"],
  ])("%j", (of, message) => {
    expect(failureMessage(of)).toBe(message);
    expect(new FailureError(of)).toMatchObject({ name: "FailureError", message, failure: of });
  });
});
