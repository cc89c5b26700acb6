// What a row may hold, and which user it becomes.
import { describe, expect, test } from "@jest/globals";
import {
  columnNamed,
  COLUMNS,
  derivedUserId,
  readUser,
  type RowDefaults,
} from "../../../../src/cli/import/columns.ts";

const DEFAULTS: RowDefaults = { organization: undefined, verification: "none" };
const ADA = { email: "ada@example.org", given_name: "Ada", family_name: "Lovelace" };

function read(values: Record<string, unknown>, defaults = DEFAULTS) {
  return readUser(new Map(Object.entries(values)), defaults);
}

describe("columns", () => {
  test.each(Object.keys(COLUMNS))("%s is known in any spelling", (name) => {
    const camelCase = name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    for (const spelling of [name, camelCase, name.toUpperCase(), name.replaceAll("_", " "), ` ${name} `]) {
      expect(columnNamed(spelling)).toBe(name);
    }
  });

  test("others are not", () => {
    expect(["", "e mail address", "constructor", "__proto__"].map(columnNamed)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe("faults", () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    ["no address", { email: "" }, "email", "is missing"],
    ["a blank address", { email: "  " }, "email", "is blank"],
    ["null for a name", { given_name: null }, "given_name", "is missing"],
    ["a number for a name", { family_name: 7 }, "family_name", "is a number, and has to be a text"],
    ["a list for an address", { email: ["a"] }, "email", "is a list, and has to be a text"],
    ["an object for a language", { language: {} }, "language", "is an object, and has to be a text"],
    ["no address at all", { email: "ada" }, "email", `"***" is no address: missing '@' or angle-addr`],
    ["a name before the address", { email: "Ada <ada@example.org>" }, "email", "has a name before"],
    ["two addresses", { email: "a@example.org, b@example.org" }, "email", "is no address"],
    [
      "an address with a line break",
      { email: "a@example.org\r\nBcc: b@example.org" },
      "email",
      "is no address",
    ],
    ["too long a name", { given_name: "x".repeat(201) }, "given_name", "has more than 200 characters"],
    ["a replaced character", { nick_name: "\uFFFD" }, "nick_name", "is not UTF-8"],
    ["an unknown gender", { gender: "x" }, "gender", "is not female, male or diverse"],
    ["neither true nor false", { verified: "yes" }, "verified", "is not true or false"],
    ["a number for a truth", { verified: 1 }, "verified", "is not true or false"],
  ])("%s", (_, values, column, problem) => {
    const result = read({ ...ADA, ...values });
    expect(result).toMatchObject({
      ok: false,
      faults: [{ column, problem: expect.stringContaining(problem) }],
    });
  });

  test("all are told at once, and no address in full", () => {
    const result = read({ email: "secret.person@", family_name: "" });
    expect(result).toMatchObject({ ok: false });
    expect(result.ok ? [] : result.faults.map(({ column }) => column)).toEqual([
      "email",
      "given_name",
      "family_name",
    ]);
    expect(JSON.stringify(result)).not.toContain("secret.person");
  });
});

describe("the user of a row", () => {
  test("has what the row has, without the spaces around it", () => {
    const values = {
      ...ADA,
      given_name: " Ada ",
      gender: "Female",
      language: "en",
      organization: "o1",
      user_id: "u1",
    };
    expect(read(values)).toEqual({
      ok: true,
      user: {
        userId: "u1",
        organization: { org: { case: "orgId", value: "o1" } },
        profile: { givenName: "Ada", familyName: "Lovelace", preferredLanguage: "en", gender: 1 },
        email: { email: "ada@example.org", verification: { case: "isVerified", value: false } },
      },
    });
  });

  test("names of 200 characters beyond the basic plane are not too long", () => {
    expect(read({ ...ADA, given_name: "\u{1F600}".repeat(200) })).toMatchObject({ ok: true });
  });

  test.each<[unknown, RowDefaults["verification"], unknown]>([
    ["", "none", { case: "isVerified", value: false }],
    [undefined, "verified", { case: "isVerified", value: true }],
    ["", "sendCode", { case: "sendCode", value: {} }],
    ["TRUE", "none", { case: "isVerified", value: true }],
    [true, "sendCode", { case: "isVerified", value: true }],
    [false, "verified", { case: "isVerified", value: false }],
    ["false", "sendCode", { case: "sendCode", value: {} }],
  ])("verified: %j, where flags say %s", (verified, verification, expected) => {
    expect(read({ ...ADA, verified }, { ...DEFAULTS, verification })).toMatchObject({
      user: { email: { verification: expected } },
    });
  });

  test("without an id is the same user whenever the row comes", () => {
    const idOf = (values: Record<string, unknown>, defaults = DEFAULTS) => {
      const result = read({ ...ADA, ...values }, defaults);
      return result.ok ? result.user.userId : undefined;
    };
    const id = idOf({});
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(id).toBe(derivedUserId("", "ada@example.org"));
    expect(idOf({ email: "ADA@example.org", given_name: "Augusta" })).toBe(id);
    expect(idOf({ username: "ada" })).not.toBe(id);
    expect(idOf({ organization: "o1" })).not.toBe(id);
    expect(idOf({}, { ...DEFAULTS, organization: "o1" })).toBe(idOf({ organization: "o1" }));
  });
});
