// What of each event's payload goes out: every type there is, with every field that it may have.
import { describe, expect, test } from "@jest/globals";
import { EVENT_TYPES, shownPayload } from "../../../src/rpc/event-payloads.ts";

const PROFILE = {
  firstName: "Ada",
  lastName: "Lovelace",
  nickName: "ada",
  displayName: "Ada Lovelace",
  preferredLanguage: "en",
  gender: 1,
};
const ROLES = [{ role: "ORG_OWNER", organizationId: "org-1" }];
const SETTINGS = {
  linkHosts: ["app.example"],
  senderName: "Example",
  senderAddress: "mail@example.com",
  templateFolder: "example",
  notices: true,
  displayName: "Example",
  logoUrl: "https://app.example/logo.png",
  color: "#336699",
};

/** What is shown, and what is not. */
const CASES: Readonly<Record<string, readonly [shown: object, hidden: object]>> = {
  "user.human.added": [{ userName: "ada", ...PROFILE, email: "ada@example.com" }, {}],
  "user.human.profile.changed": [PROFILE, {}],
  "user.username.changed": [{ userName: "ada" }, {}],
  "user.human.initialization.code.added": [{}, {}],
  "user.human.initialization.check.succeeded": [{}, {}],
  "user.human.email.changed": [{ email: "ada@example.com" }, {}],
  "user.human.email.code.added": [
    { codeId: "code-1", expiry: 3_600_000_000_000, code_returned: true, live_codes: 2 },
    {
      code: { keyId: "key-1", mac: "secret" },
      url_template: "https://app.example/?token=secret&code={{.Code}}",
    },
  ],
  "user.human.email.code.sent": [{ codeId: "code-1" }, {}],
  "user.human.email.verified": [{ codeId: "code-1" }, {}],
  "user.human.email.verification.failed": [{ codeId: "code-1" }, {}],
  "user.locked": [{}, {}],
  "user.unlocked": [{}, {}],
  "user.deactivated": [{}, {}],
  "user.reactivated": [{}, {}],
  "user.removed": [{}, {}],
  "org.added": [{ name: "Example" }, {}],
  "org.changed": [{ name: "Example" }, {}],
  "org.settings.changed": [SETTINGS, {}],
  "user.machine.added": [{ userName: "backend", roles: ROLES }, {}],
  "user.machine.roles.changed": [{ roles: ROLES }, {}],
  "user.pat.added": [{ serviceAccountId: "account-1", expiresAtMs: 1_798_761_600_000 }, { hash: "secret" }],
  "user.pat.removed": [{}, {}],
};

test("there is a case for every type", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(EVENT_TYPES.toSorted());
});

describe.each(Object.entries(CASES))("%s", (type, [shown, hidden]) => {
  test("shows what is listed, and nothing that is not", () => {
    expect(shownPayload(type, { ...hidden, ...shown, secret: "secret" })).toEqual(shown);
  });

  test("shows no field that is not there", () => {
    expect(shownPayload(type, {})).toEqual({});
  });
});

test.each(["user.vanished", "toString", "__proto__"])(
  "a type that is not known, %s, shows nothing",
  (type) => {
    expect(shownPayload(type, { email: "ada@example.com" })).toEqual({});
  },
);
