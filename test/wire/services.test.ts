// The calls beside the e-mail errand: users and their life cycle, reflection, health.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { create, createFileRegistry, fromBinary, type DescMethod, type JsonObject } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import * as grpcJs from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2 } from "../support/raw-http.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import {
  at,
  formats,
  grpc,
  isServedOverRest,
  rest,
  SERVICE,
  textAt,
  type Answer,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

// Longer than the recorder waits for a mail.
jest.setTimeout(30_000);

let recorder: SmtpRecorder;
let application: TestApplication;
let names = 0;

beforeAll(async () => {
  recorder = await SmtpRecorder.start();
  application = await startTestApplication({ env: { COUNTERSIGN_SMTP_URL: recorder.url } });
});
afterAll(async () => {
  await application.stop();
  await recorder.stop();
});

const RFC3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/;
const CODE = /^[A-HJ-NP-Z2-9]{6}$/;
const profile = { givenName: "Ada", familyName: "Lovelace" };

async function ask(format: Format, method: MethodName, message: JsonObject): Promise<Answer> {
  const request = format.encode(method, message);
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  const headers = { ...request.headers, authorization: `Bearer ${application.token}` };
  return format.decode(method, await over(application, { ...request, headers }));
}

async function call(format: Format, method: MethodName, message: JsonObject): Promise<JsonObject> {
  const { message: reply, error } = await ask(format, method, message);
  if (reply === undefined) throw new Error(`${method} was refused: ${JSON.stringify(error)}`);
  return reply as JsonObject;
}

async function expectRefusal(
  format: Format,
  method: MethodName,
  message: JsonObject,
  refusal: Refusal,
): Promise<void> {
  const { error, httpStatus } = await ask(format, method, message);
  expect(error).toEqual(refused(refusal));
  expect(httpStatus).toBe(format.statusOf(refusal.code));
}

function newAddress(): string {
  names += 1;
  return `user-${names}@example.com`;
}

async function addUser(email = newAddress()): Promise<{ readonly userId: string; readonly email: string }> {
  const added = await call(rest, "AddHumanUser", { profile, email: { email, isVerified: false } });
  return { userId: textAt(added, "userId"), email };
}

async function find(userId: string): Promise<JsonObject> {
  return (await call(rest, "GetUserByID", { userId }))["user"] as JsonObject;
}

/** What can be told of an address from outside. */
async function emailOf(userId: string): Promise<unknown> {
  return at(await find(userId), "human", "email");
}

// --- Users ------------------------------------------------------------------------------------------------------------

describe.each(formats)("GetUserByID, $name", (format) => {
  test("a plain user, as ZITADEL shows it", async () => {
    const { userId, email } = await addUser();
    const details = {
      sequence: "1",
      changeDate: expect.stringMatching(RFC3339_UTC),
      resourceOwner: application.organizationId,
    };
    expect(await call(format, "GetUserByID", { userId })).toEqual({
      details,
      user: {
        userId,
        details,
        state: "USER_STATE_ACTIVE",
        username: email,
        loginNames: [email],
        preferredLoginName: email,
        // Its own id, state and names stay empty; the optional fields of the profile are set.
        human: {
          profile: {
            givenName: "Ada",
            familyName: "Lovelace",
            nickName: "",
            displayName: "Ada Lovelace",
            preferredLanguage: "und",
            gender: "GENDER_UNSPECIFIED",
          },
          email: { email },
          phone: {},
        },
      },
    });
  });

  test("a user with everything", async () => {
    const email = newAddress();
    const whole = {
      ...profile,
      nickName: "Countess",
      displayName: "Ada, Countess of Lovelace",
      preferredLanguage: "en-GB",
      gender: "GENDER_FEMALE",
    };
    const userId = `ada-${email}`;
    const added = await call(format, "AddHumanUser", {
      userId,
      username: `ada.${email}`,
      organization: { orgId: application.organizationId },
      profile: whole,
      email: { email, isVerified: true },
    });
    expect(added["userId"]).toBe(userId);
    const user = at(await call(format, "GetUserByID", { userId }), "user");
    expect(user).toMatchObject({
      details: { sequence: "2" },
      username: `ada.${email}`,
      loginNames: [`ada.${email}`],
      human: { profile: whole, email: { email, isVerified: true } },
    });
  });
});

describe.each(formats)("adding and changing, $name", (format) => {
  const creates: readonly MethodName[] = format === rest ? ["AddHumanUser"] : ["AddHumanUser", "CreateUser"];
  const updates: readonly MethodName[] =
    format === rest ? ["UpdateHumanUser"] : ["UpdateHumanUser", "UpdateUser"];

  function creation(method: MethodName, email: JsonObject, rest_: JsonObject = {}): JsonObject {
    return method === "CreateUser"
      ? { organizationId: application.organizationId, human: { profile, email }, ...rest_ }
      : { profile, email, ...rest_ };
  }

  function change(method: MethodName, userId: string, human: JsonObject, rest_: JsonObject = {}): JsonObject {
    return { userId, ...(method === "UpdateUser" ? { human } : human), ...rest_ };
  }

  test.each(creates)("%s answers a code only when it is asked to return one", async (method) => {
    const idOf = (reply: JsonObject) => textAt(reply, method === "CreateUser" ? "id" : "userId");
    const choices: Record<string, JsonObject> = {
      nothing: {},
      sendCode: { sendCode: { urlTemplate: "https://app.example.com/?c={{.Code}}" } },
      returnCode: { returnCode: {} },
      isVerified: { isVerified: true },
      isNotVerified: { isVerified: false },
    };
    const sequences: Record<string, unknown> = {};
    for (const [choice, verification] of Object.entries(choices)) {
      const email = newAddress();
      const reply = await call(format, method, creation(method, { email, ...verification }));
      const userId = idOf(reply);
      const isReturned = choice === "returnCode";
      if (isReturned) expect(reply["emailCode"]).toMatch(CODE);
      else expect(reply).not.toHaveProperty("emailCode");
      if (method === "CreateUser") {
        expect(reply["creationDate"]).toMatch(RFC3339_UTC);
        expect(reply).not.toHaveProperty("details");
      } else {
        sequences[choice] = at(reply, "details", "sequence");
      }
      expect(await emailOf(userId)).toEqual(
        choice === "isVerified" ? { email, isVerified: true } : { email },
      );

      if (choice === "nothing" || choice === "sendCode") {
        const { code, link } = await recorder.waitForMail(email);
        expect(link.origin).toBe(choice === "nothing" ? application.url : "https://app.example.com");
        await call(format, "VerifyEmail", { userId, verificationCode: code });
        expect(await emailOf(userId)).toEqual({ email, isVerified: true });
      }
      if (isReturned) {
        await call(format, "VerifyEmail", { userId, verificationCode: textAt(reply, "emailCode") });
        expect(await emailOf(userId)).toEqual({ email, isVerified: true });
      }
    }
    if (method === "AddHumanUser") {
      expect(sequences).toEqual({
        nothing: "2",
        sendCode: "2",
        returnCode: "2",
        isVerified: "2",
        isNotVerified: "1",
      });
    }
  });

  test.each(creates)("%s refuses what is taken, empty or unknown", async (method) => {
    const { userId, email } = await addUser();
    const fresh = { email: newAddress() };
    await expectRefusal(format, method, creation(method, fresh, { userId }), {
      code: 9,
      text: "User already exists",
      id: "COMMAND-7yiox1isql",
      reason: "USER_ALREADY_EXISTS",
    });
    for (const username of [email, email.toUpperCase(), ` ${email} `]) {
      await expectRefusal(format, method, creation(method, fresh, { username }), {
        code: 6,
        text: "User already exists",
        id: "V3-DKcYh",
        reason: "USERNAME_TAKEN",
      });
    }
    await expectRefusal(format, method, creation(method, fresh, { username: "  " }), {
      code: 3,
      text: "Argument is invalid",
      id: "V2-zzad3",
      reason: "USERNAME_EMPTY",
    });
    const description = "takes no control characters";
    await expectRefusal(format, method, creation(method, fresh, { username: "a\u0000b" }), {
      code: 3,
      text: `The user cannot be like this: username ${description}`,
      reason: "USER_INVALID",
      field: ["username", description],
    });
    const elsewhere =
      method === "CreateUser" ? { organizationId: "nowhere" } : { organization: { orgId: "nowhere" } };
    await expectRefusal(format, method, creation(method, fresh, elsewhere), {
      code: 7,
      text: "Organisation doesn't exist",
      id: "AUTH-Bs7Ds",
      reason: "ORGANIZATION_NOT_FOUND",
    });
  });

  test.each(updates)("%s changes names and says so in the sequence", async (method) => {
    const { userId } = await addUser();
    const username = newAddress();
    const changed = {
      givenName: "Augusta",
      familyName: "King",
      nickName: "Gus",
      displayName: "Augusta King",
    };
    const reply = await call(format, method, change(method, userId, { profile: changed }, { username }));
    if (method === "UpdateUser") expect(reply).toEqual({ changeDate: expect.stringMatching(RFC3339_UTC) });
    else expect(at(reply, "details", "sequence")).toBe("3");
    const user = await find(userId);
    expect(user).toMatchObject({ username, preferredLoginName: username, human: { profile: changed } });
    expect(at(user, "details", "sequence")).toBe("3");

    // The same once more is no change.
    await call(format, method, change(method, userId, { profile: changed }, { username }));
    expect(at(await find(userId), "details", "sequence")).toBe("3");
  });

  test.each(updates)("%s frees the old username and takes the new one", async (method) => {
    const [one, other] = [await addUser(), await addUser()];
    await expectRefusal(
      format,
      method,
      { userId: one.userId, username: other.email },
      {
        code: 6,
        text: "User already exists",
        id: "V3-DKcYh",
        reason: "USERNAME_TAKEN",
      },
    );
    await call(format, method, { userId: other.userId, username: newAddress() });
    await call(format, method, { userId: one.userId, username: other.email });
    expect((await find(one.userId))["username"]).toBe(other.email);
  });

  test.each(updates)("%s with another address does what the choice says", async (method) => {
    const { userId } = await addUser();
    const update = async (email: JsonObject) => call(format, method, change(method, userId, { email }));

    const returned = newAddress();
    const reply = await update({ email: returned, returnCode: {} });
    expect(reply["emailCode"]).toMatch(CODE);
    expect(await emailOf(userId)).toEqual({ email: returned });
    await call(format, "VerifyEmail", { userId, verificationCode: textAt(reply, "emailCode") });
    expect(await emailOf(userId)).toEqual({ email: returned, isVerified: true });

    const mailed = newAddress();
    expect(await update({ email: mailed })).not.toHaveProperty("emailCode");
    expect(await emailOf(userId)).toEqual({ email: mailed });
    const { code } = await recorder.waitForMail(mailed);
    await call(format, "VerifyEmail", { userId, verificationCode: code });

    const vouched = newAddress();
    expect(await update({ email: vouched, isVerified: true })).not.toHaveProperty("emailCode");
    expect(await emailOf(userId)).toEqual({ email: vouched, isVerified: true });

    const left = newAddress();
    expect(await update({ email: left, isVerified: false })).not.toHaveProperty("emailCode");
    expect(await emailOf(userId)).toEqual({ email: left });
  });

  test.each(updates)("%s with the stored address is no change, but isVerified counts", async (method) => {
    const { userId, email } = await addUser();
    for (const verification of [
      {},
      { sendCode: {} },
      { returnCode: {} },
      { isVerified: false },
    ] as JsonObject[]) {
      const reply = await call(format, method, change(method, userId, { email: { email, ...verification } }));
      expect(reply).not.toHaveProperty("emailCode");
    }
    expect(at(await find(userId), "details", "sequence")).toBe("1");
    for (let times = 0; times < 2; times += 1) {
      await call(format, method, change(method, userId, { email: { email, isVerified: true } }));
      expect(await emailOf(userId)).toEqual({ email, isVerified: true });
      expect(at(await find(userId), "details", "sequence")).toBe("2");
    }
  });

  if (format !== rest) {
    test("UpdateUser changes one name and leaves the others", async () => {
      const { userId } = await addUser();
      await call(format, "UpdateUser", { userId, human: { profile: { nickName: "Gus" } } });
      expect(at(await find(userId), "human", "profile")).toMatchObject({ ...profile, nickName: "Gus" });
      await expectRefusal(
        format,
        "UpdateUser",
        { userId, human: { profile: { givenName: " " } } },
        {
          code: 3,
          text: "Given name in profile is empty",
          id: "USER-UCej2",
          reason: "GIVEN_NAME_EMPTY",
        },
      );
    });
  }
});

// --- Fields of parts that are not served ------------------------------------------------------------------------------

const email = { email: "nobody@example.com" };
const someone = { profile, email };
const phone = { phone: "+41791234567" };
const password = { password: "Secr3tP4ssw0rd!" };

const unserved: readonly (readonly [MethodName, string, JsonObject])[] = [
  ["AddHumanUser", "phone", { ...someone, phone }],
  ["AddHumanUser", "metadata", { ...someone, metadata: [{ key: "k", value: "dg==" }] }],
  ["AddHumanUser", "password", { ...someone, password }],
  ["AddHumanUser", "hashed_password", { ...someone, hashedPassword: { hash: "$2a$10$x" } }],
  ["AddHumanUser", "idp_links", { ...someone, idpLinks: [{ idpId: "1", userId: "2", userName: "3" }] }],
  ["AddHumanUser", "totp_secret", { ...someone, totpSecret: "ABC" }],
  ["AddHumanUser", "organization.org_domain", { ...someone, organization: { orgDomain: "example.com" } }],
  ["CreateUser", "machine", { organizationId: "1", machine: { name: "robot" } }],
  ["CreateUser", "human.phone", { organizationId: "1", human: { ...someone, phone } }],
  ["CreateUser", "human.password", { organizationId: "1", human: { ...someone, password } }],
  [
    "CreateUser",
    "human.metadata",
    { organizationId: "1", human: { ...someone, metadata: [{ key: "k", value: "dg==" }] } },
  ],
  ["UpdateHumanUser", "phone", { userId: "1", phone }],
  ["UpdateHumanUser", "password", { userId: "1", password: { password, currentPassword: "x" } }],
  ["UpdateUser", "machine", { userId: "1", machine: { name: "robot" } }],
  ["UpdateUser", "human.phone", { userId: "1", human: { phone } }],
  ["ListUsers", "queries[0].phone_query", { queries: [{ phoneQuery: { number: "1" } }] }],
  [
    "ListUsers",
    "queries[0].or_query.queries[1].not_query.query.phone_query",
    {
      queries: [
        {
          orQuery: {
            queries: [
              { typeQuery: { type: "TYPE_HUMAN" } },
              { notQuery: { query: { phoneQuery: { number: "1" } } } },
            ],
          },
        },
      ],
    },
  ],
];

describe.each(formats)("fields that are not served, $name", (format) => {
  const sayable = unserved.filter(([method]) => format !== rest || isServedOverRest(method));

  test.each(sayable)("%s: %s is named in the refusal", async (method, field, message) => {
    const text = `Countersign does not serve the field ${field}`;
    await expectRefusal(format, method, message, {
      code: 12,
      text,
      reason: "FIELD_NOT_SERVED",
      metadata: { field },
    });
  });

  test("nothing was done", async () => {
    const { result = [] } = await call(format, "ListUsers", {
      queries: [{ inUserEmailsQuery: { userEmails: [email.email] } }],
    });
    expect(result).toEqual([]);
  });
});

// --- The life cycle ---------------------------------------------------------------------------------------------------

type LifeCycleMethod = "LockUser" | "UnlockUser" | "DeactivateUser" | "ReactivateUser" | "DeleteUser";

const NOT_FOUND_IDS: Record<LifeCycleMethod, string> = {
  LockUser: "COMMAND-450yxuqrh1",
  UnlockUser: "COMMAND-x377t913pw",
  DeactivateUser: "COMMAND-5gp2p62iin",
  ReactivateUser: "COMMAND-9hy5kzbuk6",
  DeleteUser: "COMMAND-bd4ir1mblj",
};

const WRONG_STATE: Record<Exclude<LifeCycleMethod, "DeleteUser">, Refusal> = {
  LockUser: {
    code: 9,
    text: "User is not active or initial",
    id: "COMMAND-lgws8wtsqf",
    reason: "USER_NOT_ACTIVE",
  },
  UnlockUser: { code: 9, text: "User is not locked", id: "COMMAND-olb9vb0oca", reason: "USER_NOT_LOCKED" },
  DeactivateUser: {
    code: 9,
    text: "User already inactive",
    id: "COMMAND-5gunjw0cd7",
    reason: "USER_ALREADY_INACTIVE",
  },
  ReactivateUser: {
    code: 9,
    text: "User is not inactive",
    id: "COMMAND-s5qqcz97hf",
    reason: "USER_NOT_INACTIVE",
  },
};

describe.each(formats)("life cycle, $name", (format) => {
  test("every state allows what ZITADEL allows, and refuses the rest", async () => {
    const { userId } = await addUser();
    let sequence = 1;

    async function go(method: LifeCycleMethod, state: string, ...refusedHere: (keyof typeof WRONG_STATE)[]) {
      const reply = await call(format, method, { userId });
      sequence += 1;
      expect(reply).toEqual({
        details: {
          sequence: String(sequence),
          changeDate: expect.stringMatching(RFC3339_UTC),
          resourceOwner: application.organizationId,
        },
      });
      expect((await find(userId))["state"]).toBe(state);
      for (const other of refusedHere) await expectRefusal(format, other, { userId }, WRONG_STATE[other]);
      expect(at(await find(userId), "details", "sequence")).toBe(String(sequence));
    }

    await expectRefusal(format, "UnlockUser", { userId }, WRONG_STATE.UnlockUser);
    await expectRefusal(format, "ReactivateUser", { userId }, WRONG_STATE.ReactivateUser);
    await go("LockUser", "USER_STATE_LOCKED", "LockUser", "ReactivateUser");
    await go("UnlockUser", "USER_STATE_ACTIVE", "UnlockUser", "ReactivateUser");
    await go("DeactivateUser", "USER_STATE_INACTIVE", "DeactivateUser", "LockUser", "UnlockUser");
    await go("ReactivateUser", "USER_STATE_ACTIVE", "ReactivateUser", "UnlockUser");
    await go("LockUser", "USER_STATE_LOCKED");
    await go("DeactivateUser", "USER_STATE_INACTIVE");
  });

  test("codes go to locked and inactive users too", async () => {
    for (const method of ["LockUser", "DeactivateUser"] as const) {
      const { userId } = await addUser();
      await call(format, method, { userId });
      const verificationCode = textAt(
        await call(format, "SendEmailCode", { userId, returnCode: {} }),
        "verificationCode",
      );
      await call(format, "VerifyEmail", { userId, verificationCode });
      expect(await emailOf(userId)).toMatchObject({ isVerified: true });
    }
  });

  test("a deleted user is gone, and its username is free", async () => {
    const { userId, email: address } = await addUser();
    const reply = await call(format, "DeleteUser", { userId });
    expect(at(reply, "details", "sequence")).toBe("2");
    for (const [method, id] of Object.entries(NOT_FOUND_IDS) as [LifeCycleMethod, string][]) {
      const refusal = { code: 5, text: "User could not be found", id, reason: "USER_NOT_FOUND" };
      await expectRefusal(format, method, { userId }, refusal);
    }
    await expectRefusal(
      format,
      "GetUserByID",
      { userId },
      {
        code: 5,
        text: "User could not be found",
        id: "QUERY-Dfbg2",
        reason: "USER_NOT_FOUND",
      },
    );
    await expectRefusal(
      format,
      "SendEmailCode",
      { userId },
      {
        code: 5,
        text: "Email not found",
        id: "COMMAND-ieJ2e",
        reason: "USER_NOT_FOUND",
      },
    );
    const again = await addUser(address);
    expect(again.userId).not.toBe(userId);
  });
});

// --- Lists --------------------------------------------------------------------------------------------------------------

describe.each(formats)("ListUsers, $name", (format) => {
  const tag = format.name.replaceAll(/\W/g, "").toLowerCase();
  const ids: Record<string, string> = {};
  const people = [
    { nick: "a", given: "Grace", family: "Hopper", address: `Grace@${tag}.example` },
    { nick: "b", given: "Gracie", family: "Fields", address: `fields@${tag}.example` },
    { nick: "c", given: "Mary", family: "Hopper_x", address: `mary%@${tag}.example` },
  ];

  beforeAll(async () => {
    for (const { nick, given, family, address } of people) {
      const added = await call(rest, "AddHumanUser", {
        userId: `${tag}-${nick}`,
        username: `${nick}.${tag}`,
        profile: { givenName: given, familyName: family, nickName: nick },
        email: { email: address, isVerified: nick === "a" },
      });
      ids[nick] = textAt(added, "userId");
    }
    await call(rest, "LockUser", { userId: ids["b"] ?? "" });
  });

  /** Only this format's users. */
  const ours = { loginNameQuery: { loginName: `.${tag}`, method: "TEXT_QUERY_METHOD_ENDS_WITH" } };

  async function list(queries: JsonObject[], rest_: JsonObject = {}): Promise<string[]> {
    const reply = await call(format, "ListUsers", { queries: [ours, ...queries], ...rest_ });
    const result = (reply["result"] ?? []) as JsonObject[];
    return result.map((user) => textAt(user, "human", "profile", "nickName"));
  }

  test.each([
    ["nothing", [], ["c", "b", "a"]],
    ["equals", [{ emailQuery: { emailAddress: `Grace@${tag}.example` } }], ["a"]],
    ["equals, in another case", [{ emailQuery: { emailAddress: `grace@${tag}.example` } }], []],
    [
      "equals, in any case",
      [
        {
          emailQuery: {
            emailAddress: `gRACE@${tag}.example`,
            method: "TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE",
          },
        },
      ],
      ["a"],
    ],
    [
      "starts with",
      [{ firstNameQuery: { firstName: "Grac", method: "TEXT_QUERY_METHOD_STARTS_WITH" } }],
      ["b", "a"],
    ],
    [
      "starts with, in any case",
      [{ firstNameQuery: { firstName: "gRAC", method: "TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE" } }],
      ["b", "a"],
    ],
    ["ends with", [{ lastNameQuery: { lastName: "er", method: "TEXT_QUERY_METHOD_ENDS_WITH" } }], ["a"]],
    ["contains", [{ displayNameQuery: { displayName: "e H", method: "TEXT_QUERY_METHOD_CONTAINS" } }], ["a"]],
    [
      "an underscore is no wildcard",
      [{ lastNameQuery: { lastName: "r_x", method: "TEXT_QUERY_METHOD_ENDS_WITH" } }],
      ["c"],
    ],
    [
      "a percent sign is no wildcard",
      [{ emailQuery: { emailAddress: "y%@", method: "TEXT_QUERY_METHOD_CONTAINS" } }],
      ["c"],
    ],
    ["nor is a star", [{ firstNameQuery: { firstName: "*", method: "TEXT_QUERY_METHOD_CONTAINS" } }], []],
    [
      "a quote is only a quote",
      [{ firstNameQuery: { firstName: "' OR '1'='1", method: "TEXT_QUERY_METHOD_EQUALS" } }],
      [],
    ],
    ["the nick name", [{ nickNameQuery: { nickName: "b" } }], ["b"]],
    ["the username", [{ userNameQuery: { userName: `c.${tag}` } }], ["c"]],
    ["ids", [{ inUserIdsQuery: { userIds: [`${tag}-a`, `${tag}-c`, "nobody"] } }], ["c", "a"]],
    ["no ids", [{ inUserIdsQuery: { userIds: [] } }], []],
    ["addresses", [{ inUserEmailsQuery: { userEmails: [`fields@${tag}.example`] } }], ["b"]],
    ["the state", [{ stateQuery: { state: "USER_STATE_LOCKED" } }], ["b"]],
    ["a state that nobody is in", [{ stateQuery: { state: "USER_STATE_DELETED" } }], []],
    ["humans", [{ typeQuery: { type: "TYPE_HUMAN" } }], ["c", "b", "a"]],
    ["machines", [{ typeQuery: { type: "TYPE_MACHINE" } }], []],
    ["another organization", [{ organizationIdQuery: { organizationId: "1" } }], []],
    ["not", [{ notQuery: { query: { nickNameQuery: { nickName: "b" } } } }], ["c", "a"]],
    [
      "or",
      [
        {
          orQuery: { queries: [{ nickNameQuery: { nickName: "b" } }, { nickNameQuery: { nickName: "a" } }] },
        },
      ],
      ["b", "a"],
    ],
    [
      "and",
      [
        {
          andQuery: { queries: [{ nickNameQuery: { nickName: "b" } }, { nickNameQuery: { nickName: "a" } }] },
        },
      ],
      [],
    ],
  ] satisfies readonly [string, JsonObject[], string[]][])("%s", async (_name, queries, expected) => {
    expect(await list(queries)).toEqual(expected);
  });

  test("sorts, skips and limits", async () => {
    const sortingColumn = "USER_FIELD_NAME_LAST_NAME";
    expect(await list([], { sortingColumn, query: { asc: true } })).toEqual(["b", "a", "c"]);
    expect(await list([], { sortingColumn })).toEqual(["c", "a", "b"]);
    expect(await list([], { sortingColumn, query: { asc: true, limit: 1, offset: "1" } })).toEqual(["a"]);
    expect(await list([], { query: { offset: "3" } })).toEqual([]);
  });

  test("counts all that pass, and shows each as GetUserByID does", async () => {
    const reply = await call(format, "ListUsers", {
      queries: [ours],
      sortingColumn: "USER_FIELD_NAME_USER_NAME",
      query: { limit: 1, asc: true },
    });
    expect(reply).toEqual({
      details: {
        totalResult: "3",
        processedSequence: expect.stringMatching(/^\d+$/),
        timestamp: expect.stringMatching(RFC3339_UTC),
      },
      sortingColumn: "USER_FIELD_NAME_USER_NAME",
      result: [await find(`${tag}-a`)],
    });
  });

  test("refuses a limit above 1000", async () => {
    await expectRefusal(
      format,
      "ListUsers",
      { query: { limit: 1_001 } },
      {
        code: 3,
        text: "Limit exceeds the maximum",
        id: "QUERY-4M0fs",
        reason: "QUERY_LIMIT_EXCEEDED",
      },
    );
    expect(await list([], { query: { limit: 1_000 } })).toHaveLength(3);
  });
});

test("gRPC and REST list the same", async () => {
  const query = { sortingColumn: "USER_FIELD_NAME_CREATION_DATE", query: { asc: true, limit: 20 } };
  const [one, other] = [await call(grpc, "ListUsers", query), await call(rest, "ListUsers", query)];
  expect(one["result"]).toHaveLength(20);
  expect(one["result"]).toEqual(other["result"]);
});

// --- Infrastructure, by grpc-js ------------------------------------------------------------------------------------------

/** A client of a service whose .proto file an npm package brings. */
function clientOf(packageFolder: string, file: string, service: string): grpcJs.Client & AnyCalls {
  const folder = fileURLToPath(new URL(`../../node_modules/${packageFolder}`, import.meta.url));
  const definition = loadSync(file, {
    includeDirs: [folder],
    enums: String,
    oneofs: true,
    defaults: true,
    arrays: true,
  });
  let loaded: unknown = grpcJs.loadPackageDefinition(definition);
  for (const part of service.split(".")) loaded = (loaded as Record<string, unknown>)[part];
  const Client = loaded as grpcJs.ServiceClientConstructor;
  const client: unknown = new Client(new URL(application.url).host, grpcJs.credentials.createInsecure());
  return client as grpcJs.Client & AnyCalls;
}

interface AnyCalls {
  ServerReflectionInfo(): grpcJs.ClientDuplexStream<object, ReflectionAnswer>;
  Check(
    request: object,
    callback: (error: grpcJs.ServiceError | null, reply?: { status: string }) => void,
  ): void;
  Watch(request: object): grpcJs.ClientReadableStream<{ status: string }>;
}

interface ReflectionAnswer {
  readonly messageResponse: string;
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] };
  readonly allExtensionNumbersResponse?: {
    readonly baseTypeName: string;
    readonly extensionNumber: readonly number[];
  };
  readonly errorResponse?: { readonly errorCode: number; readonly errorMessage: string };
}

const SERVICES = [
  SERVICE,
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

describe.each(["v1", "v1alpha"])("reflection %s", (version) => {
  let client: grpcJs.Client & AnyCalls;
  beforeAll(() => {
    const path = `grpc/reflection/${version}/reflection.proto`;
    client = clientOf("@grpc/reflection/build/proto", path, `grpc.reflection.${version}.ServerReflection`);
  });
  afterAll(() => client.close());

  /** The answers to all requests, asked on one stream without a token. */
  async function reflect(...requests: readonly object[]): Promise<ReflectionAnswer[]> {
    const stream = client.ServerReflectionInfo();
    const answers: ReflectionAnswer[] = [];
    stream.on("data", (answer: ReflectionAnswer) => answers.push(answer));
    for (const request of requests) stream.write(request);
    stream.end();
    await once(stream, "end");
    return answers;
  }

  async function filesOf(request: object) {
    const [answer] = await reflect(request);
    const files = answer?.fileDescriptorResponse?.fileDescriptorProto;
    if (files === undefined) throw new Error(`no files: ${JSON.stringify(answer)}`);
    return files.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  /** The first file has the symbol, the others are all that it imports; here they are linked, imports first. */
  async function registryOf(symbol: string) {
    const files = await filesOf({ fileContainingSymbol: symbol });
    const ordered = new Set<FileDescriptorProto>();
    const add = (file: FileDescriptorProto | undefined) => {
      if (file === undefined) throw new Error(`${symbol}: a file is missing`);
      for (const name of file.dependency) add(files.find((candidate) => candidate.name === name));
      ordered.add(file);
    };
    add(files[0]);
    expect(ordered.size).toBe(files.length);
    return createFileRegistry(create(FileDescriptorSetSchema, { file: [...ordered] }));
  }

  test("lists the services", async () => {
    const [answer] = await reflect({ listServices: "*" });
    const listed = answer?.listServicesResponse?.service.map(({ name }) => name) ?? [];
    expect(listed.toSorted()).toEqual(expect.arrayContaining(SERVICES.toSorted()));
    expect(new Set(listed).size).toBe(listed.length);
  });

  test("describes every service so that its files link", async () => {
    const [answer] = await reflect({ listServices: "*" });
    for (const { name } of answer?.listServicesResponse?.service ?? []) {
      const registry = await registryOf(name);
      expect(registry.getService(name)?.methods.length).toBeGreaterThan(0);
    }
  });

  test("describes the user service as ZITADEL has it", async () => {
    const registry = await registryOf(SERVICE);
    const signature = ({ name, input, output }: DescMethod) =>
      `${name}(${input.typeName}) ${output.typeName}`;
    const served = registry.getService(SERVICE)?.methods.map(signature) ?? [];
    const known = UserService.methods.map(signature);
    expect(served).toHaveLength(15);
    expect(known).toEqual(expect.arrayContaining(served));
  });

  test.each([
    "google.rpc.ErrorInfo",
    "google.rpc.BadRequest",
    "google.rpc.RetryInfo",
    "google.rpc.QuotaFailure",
    "google.rpc.PreconditionFailure",
    "google.rpc.RequestInfo",
    "zitadel.v1.ErrorDetail",
  ])("finds the error detail %s", async (type) => {
    const registry = await registryOf(type);
    expect(registry.getMessage(type)?.typeName).toBe(type);
  });

  test("finds methods, fields, nested types, enum values, extensions and files", async () => {
    for (const symbol of [
      `${SERVICE}.SendEmailCode`,
      "zitadel.user.v2.SendEmailCodeRequest.user_id",
      "zitadel.user.v2.CreateUserRequest.Human",
      "google.rpc.BadRequest.FieldViolation",
      "validate.rules",
      "google.api.http",
    ]) {
      expect((await filesOf({ fileContainingSymbol: symbol })).length).toBeGreaterThan(0);
    }
    const name = "zitadel/user/v2/email.proto";
    expect((await filesOf({ fileByFilename: name })).map((file) => file.name)).toContain(name);
    const http = { containingType: "google.protobuf.MethodOptions", extensionNumber: 72295728 };
    const files = await filesOf({ fileContainingExtension: http });
    expect(files.map((file) => file.name)).toContain("google/api/annotations.proto");
    const [numbers] = await reflect({ allExtensionNumbersOfType: "google.protobuf.MethodOptions" });
    expect(numbers?.allExtensionNumbersResponse).toEqual({
      baseTypeName: "google.protobuf.MethodOptions",
      extensionNumber: expect.arrayContaining([72295728, 50001]),
    });
  });

  test("says what it does not find, and goes on", async () => {
    const answers = await reflect(
      { fileContainingSymbol: "no.such.Symbol" },
      { fileByFilename: "no/such.proto" },
      { fileContainingExtension: { containingType: "google.protobuf.MethodOptions", extensionNumber: 1 } },
      { allExtensionNumbersOfType: "no.such.Type" },
      {},
      { listServices: "" },
    );
    expect(answers.map(({ messageResponse }) => messageResponse)).toEqual([
      ...Array.from({ length: 5 }, () => "errorResponse"),
      "listServicesResponse",
    ]);
    expect(answers.slice(0, 5).map(({ errorResponse }) => errorResponse?.errorCode)).toEqual([5, 5, 5, 5, 3]);
  });
});

describe("health", () => {
  let client: grpcJs.Client & AnyCalls;
  beforeAll(() => {
    client = clientOf("grpc-health-check/proto", "health/v1/health.proto", "grpc.health.v1.Health");
  });
  afterAll(() => client.close());

  function check(service: string): Promise<{ readonly status?: string; readonly code?: number }> {
    return new Promise((resolve) => {
      client.Check({ service }, (error, reply) =>
        resolve(error === null ? { ...reply } : { code: error.code }),
      );
    });
  }

  test.each(["", SERVICE])("%j is serving, and no token is asked for", async (service) => {
    expect(await check(service)).toEqual({ status: "SERVING" });
  });

  test("an unknown service is NOT_FOUND", async () => {
    expect(await check("no.such.Service")).toEqual({ code: grpcJs.status.NOT_FOUND });
  });

  test.each([
    ["", "SERVING"],
    [SERVICE, "SERVING"],
    ["no.such.Service", "SERVICE_UNKNOWN"],
  ])("a watch of %j shows its status at once", async (service, expected) => {
    const stream = client.Watch({ service });
    // What it is told when it hangs up.
    stream.on("error", () => {});
    const [{ status }] = (await once(stream, "data")) as [{ status: string }];
    expect(status).toBe(expected);
    stream.cancel();
  });

  test.each([
    ["HTTP/1.1", exchangeHttp1],
    ["HTTP/2", exchangeHttp2],
  ])("answers Connect over %s", async (_version, exchange) => {
    const answer = await exchange(application, {
      method: "POST",
      path: "/grpc.health.v1.Health/Check",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect([answer.status, answer.body.toString()]).toEqual([200, `{"status":"SERVING"}`]);
  });
});
