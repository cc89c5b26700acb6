// The settings that make JWTs access tokens: all three or none, and keys from nowhere but where the operator said.
import { describe, expect, test } from "@jest/globals";
import { inspect } from "node:util";
import { load, problemsOf } from "../../../support/settings.ts";

const COUNTERSIGN_JWT_ISSUER = "https://login.example.com";
const COUNTERSIGN_JWT_AUDIENCE = "https://verify.example.com";
const COUNTERSIGN_JWKS_URL = "https://login.example.com/oauth/v2/keys?token=T0KEN";
const ALL = { COUNTERSIGN_JWT_ISSUER, COUNTERSIGN_JWT_AUDIENCE, COUNTERSIGN_JWKS_URL };

test("none of them: no JWTs", () => {
  expect(load({}).jwt).toBeUndefined();
});

test("all of them, the URL hidden from whoever prints the settings", () => {
  const { jwt } = load(ALL);
  expect(jwt).toMatchObject({ issuer: COUNTERSIGN_JWT_ISSUER, audiences: [COUNTERSIGN_JWT_AUDIENCE] });
  expect(jwt?.jwksUrl.reveal()).toBe(COUNTERSIGN_JWKS_URL);
  expect(inspect(jwt, { depth: null })).not.toContain("T0KEN");
  expect(JSON.stringify(jwt)).not.toContain("T0KEN");
});

test.each([
  ["an issuer that is no URL", { COUNTERSIGN_JWT_ISSUER: "accounts" }],
  [
    "an issuer with a slash at its end, kept as it is",
    { COUNTERSIGN_JWT_ISSUER: "https://login.example.com/" },
  ],
  ["several audiences", { COUNTERSIGN_JWT_AUDIENCE: "one, https://two.example/ ,3" }],
  ["http on loopback", { COUNTERSIGN_JWKS_URL: "http://127.0.0.1:8080/keys" }],
  ["http on loopback's name", { COUNTERSIGN_JWKS_URL: "http://localhost/keys" }],
  ["http on loopback, IPv6", { COUNTERSIGN_JWKS_URL: "http://[::1]:8080/keys" }],
])("%s", (_row, change) => {
  const { jwt } = load({ ...ALL, ...change });
  const [[name, value]] = Object.entries(change) as [[string, string]];
  const expected: Record<string, unknown> = {
    COUNTERSIGN_JWT_ISSUER: jwt?.issuer,
    COUNTERSIGN_JWT_AUDIENCE: jwt?.audiences,
    COUNTERSIGN_JWKS_URL: jwt?.jwksUrl.reveal(),
  };
  const parts = value.split(",").map((part) => part.trim());
  expect(expected[name]).toEqual(name === "COUNTERSIGN_JWT_AUDIENCE" ? parts : value);
});

describe("refused", () => {
  test.each([
    ["JWT_ISSUER", "https://login example.com", "has a space or a character beyond ASCII"],
    ["JWT_AUDIENCE", "one,,two", "has an entry that is empty"],
    ["JWT_AUDIENCE", "one,two three", "has an entry that is empty, or has a space"],
    ["JWKS_URL", "login.example.com/keys", "is not an https:// URL"],
    ["JWKS_URL", "ftp://login.example.com/keys", "is not an https:// URL"],
    ["JWKS_URL", "file:///etc/keys.json", "is not an https:// URL"],
    ["JWKS_URL", "http://login.example.com/keys", "is http:// beyond this machine"],
    ["JWKS_URL", "http://127.0.0.1.example.com/keys", "is http:// beyond this machine"],
    ["JWKS_URL", "http://10.0.0.1/keys", "is http:// beyond this machine"],
    ["JWKS_URL", "https://user:pass@login.example.com/keys", "has credentials"],
    ["JWKS_URL", "https://login.example.com/keys#first", "has a fragment"],
    ["JWKS_URL", "https://login.example.com:0/keys", "has port 0"],
  ])("%s=%s", (name, value, fault) => {
    const [problem, ...others] = problemsOf({ ...ALL, [`COUNTERSIGN_${name}`]: value });
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^COUNTERSIGN_${name}: .*; example: COUNTERSIGN_${name}=`));
    expect(problem).toContain(fault);
    // The URL may hold a token.
    if (name === "JWKS_URL") expect(problem).not.toContain(value);
  });

  const names = Object.keys(ALL) as (keyof typeof ALL)[];

  test.each(names)("%s alone, once for each that is missing", (name) => {
    const problems = problemsOf({ [name]: ALL[name] });
    expect(problems).toHaveLength(2);
    for (const missing of names.filter((each) => each !== name)) {
      expect(problems).toContainEqual(
        expect.stringMatching(new RegExp(`^${name}: set without ${missing}: set all`)),
      );
    }
  });

  test.each(names)("all but %s", (name) => {
    const { [name]: _left, ...others } = ALL;
    expect(problemsOf(others)).toEqual([expect.stringContaining(`set without ${name}`)]);
  });
});
