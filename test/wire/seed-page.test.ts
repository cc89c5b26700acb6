// The page that the project started from, "Send code to verify user email", taken by its word.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import {
  at,
  textAt,
  encodeMessage,
  frame,
  grpc,
  grpcWeb,
  methodOf,
  rest,
  type Answer,
  type Format,
} from "../support/wire-formats.ts";

// Longer than the recorder waits for a mail.
jest.setTimeout(30_000);

let recorder: SmtpRecorder;
let application: TestApplication;
let users = 0;

beforeAll(async () => {
  recorder = await SmtpRecorder.start();
  application = await startTestApplication({ env: { COUNTERSIGN_SMTP_URL: recorder.url } });
});
afterAll(async () => {
  await application.stop();
  await recorder.stop();
});

const CODE = /^[ABCDEFGHJKLMNPQRSTUVWXYZ23456789]{6}$/;
const RFC3339_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6}|\.\d{9})?Z$/;

interface Poster {
  /** The content type of the request. */
  readonly type: string;
  readonly format: Format;
  /** The body of a SendEmailCodeRequest. */
  readonly body: (message: JsonObject) => Uint8Array | string;
}

const { input } = methodOf("SendEmailCode");
const framed = (message: JsonObject) => frame(encodeMessage(input, message));

/** The page's three, each with its other spelling. */
const posters: readonly Poster[] = [
  { type: "application/json", format: rest, body: (message) => JSON.stringify(message) },
  { type: "Application/JSON; charset=utf-8", format: rest, body: (message) => JSON.stringify(message) },
  { type: "application/grpc", format: grpc, body: framed },
  { type: "application/grpc+proto", format: grpc, body: framed },
  { type: "application/grpc-web+proto", format: grpcWeb, body: framed },
  { type: "application/grpc-web", format: grpcWeb, body: framed },
];

function exchange(format: Format, request: RawRequest): Promise<RawAnswer> {
  const headers = { authorization: `Bearer ${application.token}`, ...request.headers };
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return over(application, { ...request, headers });
}

async function addUser(chosen: { readonly userId?: string } = {}) {
  users += 1;
  const address = `user-${users}@example.com`;
  const request = rest.encode("AddHumanUser", {
    ...chosen,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: address, isVerified: false },
  });
  const { message, error } = rest.decode("AddHumanUser", await exchange(rest, request));
  if (message === undefined) throw new Error(JSON.stringify(error));
  return { address, userId: textAt(message, "userId"), added: message };
}

async function post({ type, format, body }: Poster, userId: string, message: JsonObject): Promise<Answer> {
  const answer = await exchange(format, {
    method: "POST",
    path: `/v2/users/${encodeURIComponent(userId)}/email/send`,
    headers: { "content-type": type },
    body: body(message),
  });
  return format.decode("SendEmailCode", answer);
}

async function sequenceOf(userId: string): Promise<unknown> {
  const answer = await exchange(rest, rest.encode("GetUserByID", { userId }));
  return at(rest.decode("GetUserByID", answer).message, "details", "sequence");
}

describe("the example", () => {
  test("a user added with isVerified false has one event, no code and no mail", async () => {
    const { userId, added } = await addUser();
    expect(added).toEqual({
      userId,
      details: {
        sequence: "1",
        changeDate: expect.stringMatching(RFC3339_UTC),
        resourceOwner: application.organizationId,
      },
    });
    expect(userId).toMatch(/^\d{18}$/);
  });

  test("the first code, returned, answers exactly what the example shows", async () => {
    const { userId } = await addUser();
    const startedMs = Date.now();
    const { message } = await post(posters[0] as Poster, userId, { returnCode: {} });
    const endedMs = Date.now();
    expect(message).toEqual({
      details: {
        sequence: "2",
        changeDate: expect.stringMatching(RFC3339_UTC),
        resourceOwner: application.organizationId,
      },
      verificationCode: expect.stringMatching(CODE),
    });
    const changedMs = Date.parse(textAt(message, "details", "changeDate"));
    expect(changedMs).toBeGreaterThanOrEqual(startedMs);
    expect(changedMs).toBeLessThanOrEqual(endedMs);
  });

  test("the answer is HTTP 200 with a JSON body of the announced length, which no cache keeps", async () => {
    const { userId } = await addUser();
    const answer = await exchange(rest, rest.encode("SendEmailCode", { userId, returnCode: {} }));
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.headers["content-length"]).toBe(String(answer.body.length));
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  test.each([
    ["an empty body", ""],
    ["white space", " \r\n"],
    ["an empty object", "{}"],
    ["fields that nobody knows", `{"sendcode":{},"x":[1,{"y":null}]}`],
    ["null for what is optional", `{"sendCode":null}`],
  ])("%s asks for a mail with the default link", async (_what, body) => {
    const { userId, address } = await addUser();
    const path = `/v2/users/${userId}/email/send`;
    const answer = rest.decode("SendEmailCode", await exchange(rest, { method: "POST", path, body }));
    expect(Object.keys(answer.message as JsonObject)).toEqual(["details"]);
    const { link } = await recorder.waitForMail(address);
    expect(link.origin).toBe(application.url);
  });

  test("a template may have 200 characters", async () => {
    const { userId, address } = await addUser();
    const start = "https://app.example.com/?c={{.Code}}&x=";
    const urlTemplate = start.padEnd(200, "x");
    const { error } = await post(posters[0] as Poster, userId, { sendCode: { urlTemplate } });
    expect(error).toBeUndefined();
    const { code, link } = await recorder.waitForMail(address);
    expect(link.href).toBe(urlTemplate.replace("{{.Code}}", code));
  });
});

describe.each(posters)("$type at the REST path", (poster) => {
  test("binds the user of the path into a message that names none", async () => {
    const { userId } = await addUser();
    const { httpStatus, message } = await post(poster, userId, { returnCode: {} });
    expect(httpStatus).toBe(200);
    expect(message).toEqual({
      details: {
        sequence: "2",
        changeDate: expect.stringMatching(RFC3339_UTC),
        resourceOwner: application.organizationId,
      },
      verificationCode: expect.stringMatching(CODE),
    });
    const verify = rest.encode("VerifyEmail", {
      userId,
      verificationCode: textAt(message, "verificationCode"),
    });
    expect((await exchange(rest, verify)).status).toBe(200);
  });

  test("mails the code when the message is empty", async () => {
    const { userId, address } = await addUser();
    expect(Object.keys((await post(poster, userId, {})).message as JsonObject)).toEqual(["details"]);
    expect((await recorder.waitForMail(address)).code).toMatch(CODE);
  });

  test("the path wins over a user in the body", async () => {
    const [inPath, inBody] = [await addUser(), await addUser()];
    const { message } = await post(poster, inPath.userId, { userId: inBody.userId, returnCode: {} });
    expect(at(message, "details", "sequence")).toBe("2");
    expect(await sequenceOf(inPath.userId)).toBe("2");
    expect(await sequenceOf(inBody.userId)).toBe("1");
  });

  test("a user id is taken as the path encodes it", async () => {
    const { userId } = await addUser({ userId: `Zoë/50% +${users}` });
    const { message } = await post(poster, userId, { returnCode: {} });
    expect(at(message, "details", "sequence")).toBe("2");
  });

  test("an unknown user is 404 in the format's own way", async () => {
    const { httpStatus, error } = await post(poster, "nobody", {});
    expect(httpStatus).toBe(poster.format.statusOf(5));
    expect(error).toEqual({
      code: 5,
      message: "Email not found (COMMAND-ieJ2e)",
      details: [
        { "@type": "zitadel.v1.ErrorDetail", id: "COMMAND-ieJ2e", message: "Email not found" },
        { "@type": "google.rpc.ErrorInfo", reason: "USER_NOT_FOUND", domain: "countersign" },
      ],
    });
  });

  test("a caller without a token is refused", async () => {
    const { userId } = await addUser();
    const answer = await exchange(poster.format, {
      method: "POST",
      path: `/v2/users/${userId}/email/send`,
      headers: { "content-type": poster.type, authorization: "" },
      body: poster.body({}),
    });
    const { httpStatus, error } = poster.format.decode("SendEmailCode", answer);
    expect(httpStatus).toBe(poster.format.statusOf(16));
    expect(error).toEqual({
      code: 16,
      message: "auth header missing",
      details: [{ "@type": "google.rpc.ErrorInfo", reason: "AUTH_HEADER_MISSING", domain: "countersign" }],
    });
    expect(await sequenceOf(userId)).toBe("1");
  });
});

test("user_id under its proto name is no way round the path either", async () => {
  const [inPath, inBody] = [await addUser(), await addUser()];
  const path = `/v2/users/${inPath.userId}/email/send`;
  const body = JSON.stringify({ user_id: inBody.userId, return_code: {} });
  const answer = rest.decode("SendEmailCode", await exchange(rest, { method: "POST", path, body }));
  expect(at(answer.message, "verificationCode")).toMatch(CODE);
  expect(await sequenceOf(inPath.userId)).toBe("2");
  expect(await sequenceOf(inBody.userId)).toBe("1");
});

test("the query is not read where the body is the message", async () => {
  const [inPath, inQuery] = [await addUser(), await addUser()];
  const path = `/v2/users/${inPath.userId}/email/send?userId=${inQuery.userId}&returnCode=x`;
  const answer = rest.decode("SendEmailCode", await exchange(rest, { method: "POST", path, body: "{}" }));
  expect(Object.keys(answer.message as JsonObject)).toEqual(["details"]);
  expect(await sequenceOf(inQuery.userId)).toBe("1");
});
