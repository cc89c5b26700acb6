// What is refused, and how: the same in every format, exact to the text and the details, and never at the cost of the
// calls that follow.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import {
  exchangeHttp1,
  exchangeHttp2,
  fingerprint,
  Http2Connection,
  type RawAnswer,
  type RawRequest,
} from "../support/raw-http.ts";
import { expectGoodCalls } from "../support/good-call.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { addUser, asAdmin, newCode } from "../support/user-service-calls.ts";
import {
  at,
  connectJson,
  connectProto,
  formats,
  frame,
  grpc,
  grpcWeb,
  isServedOverRest,
  procedurePath,
  rest,
  type Answer,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

const CODE_TTL_MS = 3_600_000;
const MIB = 1024 * 1024;

let application: TestApplication;
let clockOffsetMs = 0;

beforeAll(async () => {
  application = await startTestApplication({ sources: { nowMs: () => Date.now() + clockOffsetMs } });
});
afterAll(() => application.stop());

afterEach(() => expectGoodCalls(application));

type HeaderOverrides = Readonly<Record<string, string>>;

function exchange(format: Format, request: RawRequest, overrides: HeaderOverrides = {}): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${application.token}`, ...request.headers, ...overrides };
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return over(application, { ...request, headers });
}

async function call(
  format: Format,
  method: MethodName,
  message: JsonObject,
  overrides: HeaderOverrides = {},
): Promise<Answer> {
  return format.decode(method, await exchange(format, format.encode(method, message), overrides));
}

/** Another code of the same form. */
function otherThan(code: string): string {
  return code.replace(/^./, (first) => (first === "A" ? "B" : "A"));
}

const CODE_TEXT = { code: 3, text: "Code is invalid", id: "COMMAND-eis9R" } as const;
const CODE_INVALID: Refusal = { ...CODE_TEXT, reason: "CODE_INVALID" };

/** States of a user that refuse a code, and the code to try. */
const futileTries = {
  "an unknown user": async () => ({ userId: "nobody", verificationCode: "AAAAAA" }),
  "a deleted user": async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    await asAdmin(application, "DeleteUser", { userId });
    return { userId, verificationCode };
  },
  "a wrong code": async () => {
    const userId = await addUser(application);
    return { userId, verificationCode: otherThan(await newCode(application, userId)) };
  },
  "a superseded code": async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    await newCode(application, userId);
    return { userId, verificationCode };
  },
  "an expired code": async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    clockOffsetMs += CODE_TTL_MS + 1;
    return { userId, verificationCode };
  },
  "no code at all": async () => ({ userId: await addUser(application), verificationCode: "AAAAAA" }),
  "another code after a success": async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    await asAdmin(application, "VerifyEmail", { userId, verificationCode: code });
    return { userId, verificationCode: otherThan(code) };
  },
  "a used code, another one waiting": async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    await asAdmin(application, "VerifyEmail", { userId, verificationCode });
    await newCode(application, userId);
    return { userId, verificationCode };
  },
  "another user's code": async () => {
    const [one, other] = [await addUser(application), await addUser(application)];
    await newCode(application, one);
    return { userId: one, verificationCode: await newCode(application, other) };
  },
} satisfies Record<string, () => Promise<JsonObject>>;

type Futile = keyof typeof futileTries;

interface Case {
  readonly name: string;
  readonly method: MethodName;
  readonly message: () => Promise<JsonObject>;
  readonly refusal: Refusal;
  /** Cannot be said in a REST path. */
  readonly rpcOnly?: true;
}

const EMAIL_NOT_FOUND: Refusal = {
  code: 5,
  text: "Email not found",
  id: "COMMAND-ieJ2e",
  reason: "USER_NOT_FOUND",
};

const userNotFound = (id: string): Refusal => ({
  code: 5,
  text: "User could not be found",
  id,
  reason: "USER_NOT_FOUND",
});

const unknownUsers: readonly Case[] = (
  [
    ["SendEmailCode", {}, EMAIL_NOT_FOUND],
    ["ResendEmailCode", {}, EMAIL_NOT_FOUND],
    ["SetEmail", { email: "ada@example.com" }, EMAIL_NOT_FOUND],
    ["VerifyEmail", { verificationCode: "AAAAAA" }, EMAIL_NOT_FOUND],
    ["GetUserByID", {}, userNotFound("QUERY-Dfbg2")],
    ["UpdateHumanUser", { username: "ada" }, userNotFound("COMMAND-ugjs0upun6")],
    ["UpdateUser", { username: "ada" }, userNotFound("COMMAND-ugjs0upun6")],
    ["LockUser", {}, userNotFound("COMMAND-450yxuqrh1")],
    ["UnlockUser", {}, userNotFound("COMMAND-x377t913pw")],
    ["DeactivateUser", {}, userNotFound("COMMAND-5gp2p62iin")],
    ["ReactivateUser", {}, userNotFound("COMMAND-9hy5kzbuk6")],
    ["DeleteUser", {}, userNotFound("COMMAND-bd4ir1mblj")],
  ] as const
).map(([method, rest_, refusal]) => ({
  name: `${method} of an unknown user`,
  method,
  message: async () => ({ userId: "nobody", ...rest_ }),
  refusal,
}));

const FUTILE_REASONS: Readonly<Record<Futile, Refusal>> = {
  "an unknown user": EMAIL_NOT_FOUND,
  "a deleted user": EMAIL_NOT_FOUND,
  "a wrong code": CODE_INVALID,
  "a superseded code": { ...CODE_TEXT, reason: "CODE_SUPERSEDED" },
  "an expired code": { ...CODE_TEXT, reason: "CODE_EXPIRED" },
  "no code at all": { ...CODE_TEXT, reason: "NO_CODE" },
  "another code after a success": { ...CODE_TEXT, reason: "NO_CODE" },
  "a used code, another one waiting": { ...CODE_TEXT, reason: "CODE_ALREADY_USED" },
  "another user's code": CODE_INVALID,
};

const verifications: readonly Case[] = Object.entries(FUTILE_REASONS).map(([name, refusal]) => ({
  name: `VerifyEmail with ${name}`,
  method: "VerifyEmail",
  message: futileTries[name as Futile],
  refusal,
}));

const templateInvalid = (id: string, reason = "URL_TEMPLATE_INVALID"): Refusal => ({
  code: 3,
  text: "URL Template is invalid",
  id,
  reason,
});

const templates: readonly Case[] = (
  [
    ["an unclosed action", "{{", templateInvalid("DOMAIN-oGh5e")],
    ["an unclosed action in a URL", "https://a.example/{{.Code", templateInvalid("DOMAIN-oGh5e")],
    ["a function", "https://a.example/{{printf .Code}}", templateInvalid("DOMAIN-oGh5e")],
    ["a loop", "https://a.example/{{range .}}{{end}}", templateInvalid("DOMAIN-oGh5e")],
    ["an unknown field", "https://a.example/{{.Secret}}", templateInvalid("DOMAIN-ieYa7")],
    ["a field in the wrong case", "https://a.example/{{.code}}", templateInvalid("DOMAIN-ieYa7")],
    ["no scheme", "a.example/{{.Code}}", templateInvalid("DOMAIN-oGh5e")],
    ["a scheme that runs", "javascript:alert('{{.Code}}')", templateInvalid("DOMAIN-oGh5e")],
    ["a placeholder in the host", "https://{{.Code}}.example/", templateInvalid("DOMAIN-oGh5e")],
    ["credentials", "https://u:p@a.example/{{.Code}}", templateInvalid("DOMAIN-oGh5e")],
    [
      "plain http elsewhere",
      "http://a.example/{{.Code}}",
      templateInvalid("DOMAIN-oGh5e", "URL_TEMPLATE_HOST_REFUSED"),
    ],
  ] as const
).flatMap(([what, urlTemplate, refusal]) =>
  (["SendEmailCode", "ResendEmailCode", "SetEmail"] as const).map((method) => ({
    name: `${method}, template with ${what}`,
    method,
    // Of a user that does not exist: the template is looked at first.
    message: async () => ({
      userId: "nobody",
      ...(method === "SetEmail" && { email: "ada@example.com" }),
      sendCode: { urlTemplate },
    }),
    refusal,
  })),
);

const BETWEEN_1_AND_200 = "value length must be between 1 and 200 runes, inclusive";
const REQUEST_INVALID = { code: 3, reason: "REQUEST_INVALID" } as const;

function brokenField(goPath: string, path: string, problem: string): Refusal {
  return { ...REQUEST_INVALID, text: `invalid ${goPath}: ${problem}`, field: [path, problem] };
}

function brokenInside(goPath: string, inner: string, path: string, problem: string): Refusal {
  return {
    ...REQUEST_INVALID,
    text: `invalid ${goPath}: embedded message failed validation | caused by: invalid ${inner}: ${problem}`,
    field: [path, problem],
  };
}

const brokenTemplate = brokenInside(
  "SendEmailCodeRequest.SendCode",
  "SendEmailVerificationCode.UrlTemplate",
  "send_code.url_template",
  BETWEEN_1_AND_200,
);

const NO_ADDRESS = "value must be a valid email address | caused by: mail: missing '@' or angle-addr";
const profile = { givenName: "Ada", familyName: "Lovelace" };

const invalid: readonly Case[] = (
  [
    [
      "SendEmailCode",
      "a template of 201 characters",
      { sendCode: { urlTemplate: "x".repeat(201) } },
      brokenTemplate,
    ],
    [
      "SendEmailCode",
      "a template of 201 astral symbols",
      { sendCode: { urlTemplate: "😀".repeat(201) } },
      brokenTemplate,
    ],
    ["SendEmailCode", "an explicitly empty template", { sendCode: { urlTemplate: "" } }, brokenTemplate],
    [
      "SendEmailCode",
      "an id of 201 characters",
      { userId: "x".repeat(201) },
      brokenField("SendEmailCodeRequest.UserId", "user_id", BETWEEN_1_AND_200),
    ],
    ["SetEmail", "no address", {}, brokenField("SetEmailRequest.Email", "email", BETWEEN_1_AND_200)],
    [
      "SetEmail",
      "no address at all in it",
      { email: "ada" },
      brokenField("SetEmailRequest.Email", "email", NO_ADDRESS),
    ],
    [
      "SetEmail",
      "isVerified false",
      { email: "ada@example.com", isVerified: false },
      brokenField("SetEmailRequest.IsVerified", "is_verified", "value must equal true"),
    ],
    [
      "VerifyEmail",
      "an empty code",
      { verificationCode: "" },
      brokenField(
        "VerifyEmailRequest.VerificationCode",
        "verification_code",
        "value length must be between 1 and 20 runes, inclusive",
      ),
    ],
    [
      "VerifyEmail",
      "a code of 21 symbols",
      { verificationCode: "A".repeat(21) },
      brokenField(
        "VerifyEmailRequest.VerificationCode",
        "verification_code",
        "value length must be between 1 and 20 runes, inclusive",
      ),
    ],
    [
      "AddHumanUser",
      "no profile",
      { email: { email: "ada@example.com" } },
      brokenField("AddHumanUserRequest.Profile", "profile", "value is required"),
    ],
    [
      "AddHumanUser",
      "no address",
      { profile },
      brokenField("AddHumanUserRequest.Email", "email", "value is required"),
    ],
    [
      "AddHumanUser",
      "an empty given name",
      { profile: { ...profile, givenName: "" }, email: { email: "ada@example.com" } },
      brokenInside(
        "AddHumanUserRequest.Profile",
        "SetHumanProfile.GivenName",
        "profile.given_name",
        BETWEEN_1_AND_200,
      ),
    ],
    [
      "AddHumanUser",
      "a broken address",
      { profile, email: { email: "ada" } },
      brokenInside("AddHumanUserRequest.Email", "SetHumanEmail.Email", "email.email", NO_ADDRESS),
    ],
    [
      "ListUsers",
      "a query without a kind",
      { queries: [{ typeQuery: { type: "TYPE_HUMAN" } }, {}] },
      brokenInside(
        "ListUsersRequest.Queries[1]",
        "SearchQuery.Query",
        "queries[1].query",
        "value is required",
      ),
    ],
    [
      "ListUsers",
      "a state that does not exist",
      { queries: [{ stateQuery: { state: 77 } }] },
      {
        ...REQUEST_INVALID,
        text: "invalid ListUsersRequest.Queries[0]: embedded message failed validation | caused by: invalid SearchQuery.StateQuery: embedded message failed validation | caused by: invalid StateQuery.State: value must be one of the defined enum values",
        field: ["queries[0].state_query.state", "value must be one of the defined enum values"],
      },
    ],
  ] satisfies readonly [MethodName, string, JsonObject, Refusal][]
).map(([method, what, message, refusal]) => ({
  name: `${method}, ${what}`,
  method,
  message: async () => ({
    ...(method !== "AddHumanUser" && method !== "ListUsers" && { userId: "nobody" }),
    ...message,
  }),
  refusal,
}));

const emptyIds: readonly Case[] = (
  [
    "SendEmailCode",
    "ResendEmailCode",
    "GetUserByID",
    "LockUser",
    "UnlockUser",
    "DeactivateUser",
    "ReactivateUser",
    "DeleteUser",
  ] as const
).map((method) => ({
  name: `${method}, an empty id`,
  method,
  message: async () => ({ userId: "" }),
  refusal: brokenField(`${method}Request.UserId`, "user_id", BETWEEN_1_AND_200),
  rpcOnly: true,
}));

const preconditions: readonly Case[] = [
  {
    name: "ResendEmailCode without a code that waits",
    method: "ResendEmailCode",
    message: async () => ({ userId: await addUser(application) }),
    refusal: { code: 9, text: "Code is empty", id: "EMAIL-5w5ilin4yt", reason: "NO_CODE" },
  },
  {
    name: "SetEmail of the stored address",
    method: "SetEmail",
    message: async () => {
      const email = `${randomUUID()}@example.com`;
      return { userId: await addUser(application, email), email };
    },
    refusal: { code: 9, text: "Email not changed", id: "COMMAND-Uch5e", reason: "EMAIL_NOT_CHANGED" },
  },
  {
    name: "AddHumanUser with an id that is taken",
    method: "AddHumanUser",
    message: async () => ({
      userId: await addUser(application),
      profile,
      email: { email: "new@example.com" },
    }),
    refusal: {
      code: 9,
      text: "User already exists",
      id: "COMMAND-7yiox1isql",
      reason: "USER_ALREADY_EXISTS",
    },
  },
  {
    name: "AddHumanUser with a username that is taken",
    method: "AddHumanUser",
    message: async () => {
      const email = `${randomUUID()}@example.com`;
      await addUser(application, email);
      return { profile, email: { email } };
    },
    refusal: { code: 6, text: "User already exists", id: "V3-DKcYh", reason: "USERNAME_TAKEN" },
  },
];

const cases = [...unknownUsers, ...verifications, ...templates, ...invalid, ...emptyIds, ...preconditions];

describe.each(formats)("$name", (format) => {
  const isRest = format === rest;

  test.each(
    cases.filter(({ method, rpcOnly }) => !isRest || (isServedOverRest(method) && rpcOnly === undefined)),
  )("$name", async ({ method, message, refusal }) => {
    const { httpStatus, error } = await call(format, method, await message());
    expect(error).toEqual(refused(refusal));
    expect(httpStatus).toBe(format.statusOf(refusal.code));
  });

  test("the right code after five wrong ones is refused, and a new code is not", async () => {
    const userId = await addUser(application);
    const code = await newCode(application, userId);
    const wrong = { userId, verificationCode: otherThan(code) };
    for (let tries = 0; tries < 5; tries += 1) {
      expect((await call(format, "VerifyEmail", wrong)).error).toEqual(refused(CODE_INVALID));
    }
    const { error } = await call(format, "VerifyEmail", { userId, verificationCode: code });
    expect(error).toEqual(refused({ ...CODE_TEXT, reason: "CODE_USED_UP" }));
    const verificationCode = await newCode(application, userId);
    expect((await call(format, "VerifyEmail", { userId, verificationCode })).error).toBeUndefined();
  });

  test("a code works until the end of its hour", async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    clockOffsetMs += CODE_TTL_MS - 60_000;
    expect((await call(format, "VerifyEmail", { userId, verificationCode })).error).toBeUndefined();
  });

  const headerMissing = refused({ code: 16, text: "auth header missing", reason: "AUTH_HEADER_MISSING" });
  const tokenInvalid = refused({
    code: 16,
    text: "Errors.Token.Invalid",
    id: "AUTH-7fs1e",
    reason: "TOKEN_INVALID",
  });

  test.each([
    ["nothing", "", headerMissing],
    ["another scheme", "Basic x", tokenInvalid],
    ["the scheme alone", "Bearer", tokenInvalid],
    ["an unknown token", `Bearer cs_${"x".repeat(43)}`, tokenInvalid],
    ["two tokens", "Bearer a b", tokenInvalid],
    ["a JWT that nobody signed", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.", tokenInvalid],
    ["10 kB of garbage", `Bearer ${"\u00e9x".repeat(5_000)}`, tokenInvalid],
  ])("Authorization: %s", async (_what, authorization, expected) => {
    const userId = await addUser(application);
    const { httpStatus, headers, error } = await call(format, "GetUserByID", { userId }, { authorization });
    expect(error).toEqual(expected);
    expect(httpStatus).toBe(format.statusOf(16));
    if (isRest) expect(headers["www-authenticate"]).toBe("Bearer");
  });

  test("the token's scheme is read in any case", async () => {
    const userId = await addUser(application);
    const authorization = `bEARER  ${application.token}`;
    expect((await call(format, "GetUserByID", { userId }, { authorization })).error).toBeUndefined();
  });

  test("without a token nothing is said about the request", async () => {
    const message = { userId: "x".repeat(201), sendCode: { urlTemplate: "" } };
    expect((await call(format, "SendEmailCode", message, { authorization: "" })).error).toEqual(
      headerMissing,
    );
  });

  test("x-zitadel-orgid of an unknown organization", async () => {
    const userId = await addUser(application);
    const headers = { "x-zitadel-orgid": "123" };
    const { httpStatus, error } = await call(format, "GetUserByID", { userId }, headers);
    expect(error).toEqual(
      refused({
        code: 7,
        text: "Organisation doesn't exist",
        id: "AUTH-Bs7Ds",
        reason: "ORGANIZATION_NOT_FOUND",
      }),
    );
    expect(httpStatus).toBe(format.statusOf(7));
    const known = { "x-zitadel-orgid": application.organizationId };
    expect((await call(format, "GetUserByID", { userId }, known)).error).toBeUndefined();
  });
});

// --- VerifyEmail without a token ----------------------------------------------------------------------------------

describe.each(formats)("anonymous VerifyEmail, $name", (format) => {
  const anonymous = { authorization: "" };

  test("the right code is enough", async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    const { error, message } = await call(format, "VerifyEmail", { userId, verificationCode }, anonymous);
    expect(error).toBeUndefined();
    expect(at(message, "details", "resourceOwner")).toBe(application.organizationId);
    const found = await asAdmin(application, "GetUserByID", { userId });
    expect(at(found, "user", "human", "email", "isVerified")).toBe(true);
  });

  test("every failure is the same, to the byte", async () => {
    const answers = new Set<string>();
    for (const prepare of [...Object.values(futileTries), usedUp]) {
      const request = format.encode("VerifyEmail", await prepare());
      const answer = await exchange(format, request, anonymous);
      const { error, httpStatus } = format.decode("VerifyEmail", answer);
      expect(error).toEqual(refused(CODE_INVALID));
      expect(httpStatus).toBe(format.statusOf(3));
      answers.add(fingerprint(answer));
    }
    expect([...answers]).toHaveLength(1);
  });

  test("a token that is wrong is no anonymity", async () => {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    const authorization = "Bearer nonsense";
    const { error } = await call(format, "VerifyEmail", { userId, verificationCode }, { authorization });
    expect(error?.code).toBe(16);
    const found = await asAdmin(application, "GetUserByID", { userId });
    expect(at(found, "user", "human", "email", "isVerified")).toBeUndefined();
  });

  test("no other call is open", async () => {
    const userId = await addUser(application);
    const { error } = await call(format, "SendEmailCode", { userId, returnCode: {} }, anonymous);
    expect(error).toEqual(refused({ code: 16, text: "auth header missing", reason: "AUTH_HEADER_MISSING" }));
  });

  async function usedUp(): Promise<JsonObject> {
    const userId = await addUser(application);
    const verificationCode = await newCode(application, userId);
    const wrong = { userId, verificationCode: otherThan(verificationCode) };
    for (let tries = 0; tries < 5; tries += 1) await call(format, "VerifyEmail", wrong, anonymous);
    return { userId, verificationCode };
  }
});

// --- Requests that never become a call -----------------------------------------------------------------------------

const procedure = procedurePath("SendEmailCode");
const REST_PATH = "/v2/users/nobody/email/send";

function rpc(contentType: string, body: Uint8Array | string, headers: HeaderOverrides = {}): RawRequest {
  return { method: "POST", path: procedure, headers: { "content-type": contentType, ...headers }, body };
}

function restPost(body: Uint8Array | string): RawRequest {
  return { method: "POST", path: REST_PATH, body };
}

const malformed = (text: string | RegExp): Refusal => ({ code: 3, text, reason: "REQUEST_MALFORMED" });
const tooLarge: Refusal = {
  code: 8,
  text: "the message is larger than 1048576 bytes",
  reason: "REQUEST_TOO_LARGE",
};

interface RawCase {
  readonly name: string;
  readonly format: Format;
  readonly request: RawRequest;
  readonly refusal: Refusal;
}

const JSON_PROBLEM = "cannot decode message zitadel.user.v2.SendEmailCodeRequest from JSON";

const jsonCases: readonly RawCase[] = (
  [
    ["JSON that ends too soon", `{"sendCode":`, /Unexpected end of JSON input$/],
    ["no JSON at all", "<xml/>", /Unexpected token '<', "<xml\/>" is not valid JSON$/],
    ["an array", "[]", `${JSON_PROBLEM}: Array(0)`],
    ["a string", `"x"`, `${JSON_PROBLEM}: "x"`],
    ["null", "null", `${JSON_PROBLEM}: null`],
    [
      "a key that stands twice",
      `{"sendCode":{},"sendCode":{}}`,
      `${JSON_PROBLEM}: duplicate object key "sendCode"`,
    ],
    [
      "a message that is a number",
      `{"sendCode":5}`,
      "cannot decode message zitadel.user.v2.SendEmailVerificationCode from JSON: 5",
    ],
    [
      "two of one oneof",
      `{"sendCode":{},"returnCode":{}}`,
      "cannot decode oneof zitadel.user.v2.SendEmailCodeRequest.verification from JSON: oneof set multiple times by send_code and return_code",
    ],
    [
      "half a surrogate pair",
      String.raw`{"sendCode":{"urlTemplate":"\ud800"}}`,
      "cannot decode field zitadel.user.v2.SendEmailVerificationCode.url_template from JSON: expected string: invalid UTF8",
    ],
  ] as const
).flatMap(([name, body, text]): RawCase[] => [
  { name, format: rest, request: restPost(body), refusal: malformed(text) },
  {
    name,
    format: connectJson,
    request: rpc("application/json", body),
    refusal: malformed(text),
  },
]);

const protobufCases: readonly RawCase[] = (
  [
    // A field that says it is longer than the message.
    ["protobuf that ends too soon", [0x0a, 0x7f, 0x61], "parse binary: premature EOF"],
    ["protobuf with a field of number 0", [0x02, 0x00], "parse binary: illegal tag: field no 0 wire type 2"],
    ["a string that is no UTF-8", [0x0a, 2, 0xff, 0xfe], /^parse binary: .*utf-8/],
  ] as const
).flatMap(([name, bytes, text]): RawCase[] => {
  const message = Buffer.from(bytes);
  const refusal = malformed(text);
  return [
    { name, format: grpc, request: rpc("application/grpc", frame(message)), refusal },
    { name, format: grpcWeb, request: rpc("application/grpc-web+proto", frame(message)), refusal },
    { name, format: connectProto, request: rpc("application/proto", message), refusal },
  ];
});

const OVER = MIB + 1;
const blanks = (size: number) => Buffer.alloc(size, " ");
const largeCases: readonly RawCase[] = [
  { name: "1 MiB and a byte", format: rest, request: restPost(blanks(OVER)), refusal: tooLarge },
  {
    name: "5 MiB in chunks",
    format: rest,
    request: { ...restPost(blanks(5 * MIB)), chunked: true },
    refusal: tooLarge,
  },
  {
    name: "1 MiB and a byte",
    format: grpc,
    request: rpc("application/grpc", frame(blanks(OVER))),
    refusal: tooLarge,
  },
  {
    name: "1 MiB and a byte",
    format: grpcWeb,
    request: rpc("application/grpc-web+proto", frame(blanks(OVER))),
    refusal: tooLarge,
  },
  {
    name: "1 MiB and a byte",
    format: connectJson,
    request: rpc("application/json", blanks(OVER)),
    refusal: tooLarge,
  },
  {
    name: "5 MiB in chunks",
    format: connectJson,
    request: { ...rpc("application/json", blanks(5 * MIB)), chunked: true },
    refusal: tooLarge,
  },
  {
    name: "1 MiB and a byte",
    format: connectProto,
    request: rpc("application/proto", blanks(OVER)),
    refusal: tooLarge,
  },
];

const UNKNOWN_COMPRESSION: Refusal = {
  code: 12,
  text: `unknown compression "snappy": supported encodings are gzip,br`,
  reason: "ENCODING_NOT_SERVED",
};

const envelopeCases: readonly RawCase[] = [grpc, grpcWeb].flatMap((format): RawCase[] => {
  const request = (body: Uint8Array, headers: HeaderOverrides = {}) =>
    rpc(format === grpc ? "application/grpc" : "application/grpc-web+proto", body, headers);
  const empty = frame(Buffer.alloc(0));
  const notOneMessage = (problem: string): Refusal => ({
    code: 12,
    text: `protocol error: ${problem}`,
    reason: "MESSAGE_COUNT_INVALID",
  });
  return [
    {
      name: "a frame that ends too soon",
      format,
      request: request(Buffer.from([0, 0, 0, 0, 9, 1])),
      refusal: malformed("protocol error: incomplete envelope"),
    },
    {
      name: "half a frame's prefix",
      format,
      request: request(Buffer.from([0, 0])),
      refusal: malformed("protocol error: incomplete envelope"),
    },
    {
      name: "a frame of 4 GiB",
      format,
      request: request(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1])),
      refusal: tooLarge,
    },
    {
      name: "a compressed message of no encoding",
      format,
      request: request(frame(Buffer.from([1, 2, 3]), 1)),
      refusal: malformed("received compressed envelope, but do not know how to decompress"),
    },
    {
      name: "an unknown encoding",
      format,
      request: request(empty, { "grpc-encoding": "snappy" }),
      refusal: UNKNOWN_COMPRESSION,
    },
    {
      name: "no message",
      format,
      request: request(Buffer.alloc(0)),
      refusal: notOneMessage("missing input message for unary method"),
    },
    {
      name: "two messages",
      format,
      request: request(Buffer.concat([empty, empty])),
      refusal: notOneMessage("received extra input message for unary method"),
    },
    {
      name: "a time-out that is none",
      format,
      request: request(empty, { "grpc-timeout": "soon" }),
      refusal: malformed("protocol error: invalid grpc timeout value: soon"),
    },
    {
      name: "a time-out of eleven thousand years",
      format,
      request: request(empty, { "grpc-timeout": "99999999H" }),
      refusal: malformed("timeout 2147483000ms must be <= 300000"),
    },
  ];
});

const PROCEDURE_UNKNOWN: Refusal = {
  code: 12,
  text: "unknown service or method",
  reason: "PROCEDURE_UNKNOWN",
};

const otherCases: readonly RawCase[] = [
  {
    name: "an unknown encoding",
    format: connectJson,
    request: rpc("application/json", "{}", { "content-encoding": "snappy" }),
    refusal: UNKNOWN_COMPRESSION,
  },
  {
    name: "a path with broken percent-encoding",
    format: rest,
    request: { method: "POST", path: "/v2/users/%ff/email/send", body: "{}" },
    refusal: malformed("malformed percent-encoding in the path"),
  },
  ...[grpc, grpcWeb].flatMap((format): RawCase[] => {
    const request = format.encode("SendEmailCode", {});
    return [
      {
        name: "an unknown method",
        format,
        request: { ...request, path: procedurePath("NoSuchMethod") },
        refusal: PROCEDURE_UNKNOWN,
      },
      {
        name: "an unknown service",
        format,
        request: { ...request, path: "/no.such.Service/Call" },
        refusal: PROCEDURE_UNKNOWN,
      },
    ];
  }),
];

describe("requests that never become a call", () => {
  test.each([...jsonCases, ...protobufCases, ...largeCases, ...envelopeCases, ...otherCases])(
    "$format.name: $name",
    async ({ format, request, refusal }) => {
      const { error, httpStatus } = format.decode("SendEmailCode", await exchange(format, request));
      expect(error).toEqual(refused(refusal));
      expect(httpStatus).toBe(format.statusOf(refusal.code));
    },
  );

  test.each([
    [
      "gRPC",
      grpc,
      rpc("application/grpc", frame(gzipSync(blanks(50 * MIB)), 1), { "grpc-encoding": "gzip" }),
    ],
    [
      "Connect",
      connectJson,
      rpc("application/json", gzipSync(blanks(50 * MIB)), { "content-encoding": "gzip" }),
    ],
  ])("%s: 50 MiB behind 50 kB of gzip", async (_name, format, request) => {
    const { error } = format.decode("SendEmailCode", await exchange(format, request));
    // In jest's realm zlib's errors are no Errors to connect-node, and lose their code.
    const realm = malformed("decompression failed");
    expect(error).toEqual(refused(error?.code === realm.code ? realm : tooLarge));
  });

  test.each([
    ["REST", { method: "POST", path: "/v2/users", body: "{}".padEnd(MIB) }, rest],
    [
      "Connect",
      { ...rpc("application/json", "{}".padEnd(MIB)), path: procedurePath("ListUsers") },
      connectJson,
    ],
    ["gRPC", listOfSize(grpc, MIB), grpc],
    ["gRPC-Web", listOfSize(grpcWeb, MIB), grpcWeb],
  ])("%s: a message of 1 MiB is read", async (_name, request, format) => {
    expect(format.decode("ListUsers", await exchange(format, request)).error).toBeUndefined();
  });

  test.each([
    ["GET", REST_PATH, "POST"],
    ["PUT", REST_PATH, "POST"],
    ["PATCH", "/v2/users/123", "GET, HEAD, DELETE"],
    ["GET", "/v2/users", "POST"],
    ["POST", "/v2/users/human/123", "PUT"],
  ])("%s %s is 405 and says what is allowed", async (method, path, allow) => {
    for (const over of [exchangeHttp1, exchangeHttp2]) {
      const answer = await over(application, { method, path });
      expect(answer.status).toBe(405);
      expect(answer.headers["allow"]).toBe(allow);
      expect(rest.decode("SendEmailCode", answer).error).toEqual(
        refused({ code: 12, text: "Method Not Allowed", reason: "METHOD_NOT_ALLOWED" }),
      );
    }
  });

  test.each(["GET", "PUT", "DELETE"])("%s on a procedure is 405", async (method) => {
    for (const over of [exchangeHttp1, exchangeHttp2]) {
      expect((await over(application, { method, path: procedure })).status).toBe(405);
    }
  });

  test.each(["text/plain", "application/xml", "application/grpc+thrift", "application/connect+json", ""])(
    "the content type %j on a procedure is 415",
    async (contentType) => {
      for (const over of [exchangeHttp1, exchangeHttp2]) {
        const request = rpc(contentType, "{}");
        const headers = contentType === "" ? {} : request.headers;
        const authorization = `Bearer ${application.token}`;
        expect((await over(application, { ...request, headers: { ...headers, authorization } })).status).toBe(
          415,
        );
      }
    },
  );

  test.each([
    ["GET", "/"],
    ["GET", "/nope"],
    ["POST", "/v2/users/123/email/nope"],
    ["POST", "/v2/users//email/send"],
    ["GET", "/v2/users/123/"],
    ["GET", "/V2/users/123"],
    ["POST", `${procedure}/`],
    ["POST", "/zitadel.user.v2.userservice/SendEmailCode"],
    ["GET", "/../etc/passwd"],
    ["GET", "/v2/users/..%2f..%2fx/y"],
  ])("%s %s is 404, as google.rpc.Status", async (method, path) => {
    for (const over of [exchangeHttp1, exchangeHttp2]) {
      const answer = await over(application, { method, path });
      expect(answer.status).toBe(404);
      expect(rest.decode("SendEmailCode", answer).error).toEqual(
        refused({ code: 5, text: "Not Found", reason: "ROUTE_NOT_FOUND" }),
      );
    }
  });

  test("an unknown method over Connect is 404, which its clients read as unimplemented", async () => {
    for (const contentType of ["application/json", "application/proto"]) {
      const request = { ...rpc(contentType, ""), path: procedurePath("NoSuchMethod") };
      expect((await exchange(connectJson, request)).status).toBe(404);
    }
  });

  const withToken = (length: number) => ({
    method: "GET",
    path: "/v2/users/123",
    headers: { authorization: `Bearer ${"x".repeat(length)}` },
  });
  const plain = { method: "GET", path: "/nope" };

  test("HTTP/1.1: a token of 100 kB is too large a header", async () => {
    expect((await exchangeHttp1(application, withToken(100_000))).status).toBe(431);
  });

  test("HTTP/2: a token of 20 kB costs its stream", async () => {
    const connection = await Http2Connection.open(application);
    try {
      // The limit counts once the client knows it.
      expect((await connection.exchange(plain)).status).toBe(404);
      await expect(connection.exchange(withToken(20_000))).rejects.toMatchObject({
        message: "Stream closed with error code NGHTTP2_ENHANCE_YOUR_CALM",
      });
      expect((await connection.exchange(plain)).status).toBe(404);
    } finally {
      await connection.close();
    }
  });

  test("HTTP/2: a token of 100 kB costs its connection", async () => {
    const connection = await Http2Connection.open(application);
    try {
      await expect(connection.exchange(withToken(100_000))).rejects.toMatchObject({
        message: expect.stringMatching(/^Session closed with error code/),
      });
    } finally {
      await connection.close();
    }
  });
});

/** A ListUsers message of exactly so many bytes: it asks for one user with a long id. */
function listOfSize(format: Format, size: number): RawRequest {
  const ofIdLength = (length: number) =>
    format.encode("ListUsers", { queries: [{ inUserIdsQuery: { userIds: ["x".repeat(length)] } }] });
  const prefix = 5;
  const overhead = Buffer.from(ofIdLength(size - 100).body ?? "").length - prefix - (size - 100);
  return ofIdLength(size - overhead);
}
