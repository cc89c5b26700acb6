// countersign.v1.InboxService, as the tests of another project use it.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { fromJson, toJson, type DescMethodUnary, type JsonObject } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { simpleParser } from "mailparser";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { Refused } from "../support/json-calls.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

type Method = (typeof InboxService.methods)[number]["name"];
const methods = InboxService.methods as DescMethodUnary[];

type Ask = (method: Method, request: JsonObject, signal?: AbortSignal) => Promise<JsonObject>;

let application: TestApplication;
let sessions: Http2SessionManager[];

beforeAll(async () => {
  application = await startTestApplication();
  sessions = [];
});
afterAll(async () => {
  for (const session of sessions) session.abort();
  await application.stop();
});

const formats: readonly (readonly [name: string, make: (token?: string) => Ask])[] = [
  ["gRPC", (token) => overGrpc(application.url, token ?? application.token)],
  ["REST", (token) => overRest(application.url, token ?? application.token)],
];

function overGrpc(url: string, token: string): Ask {
  const sessionManager = new Http2SessionManager(url);
  sessions.push(sessionManager);
  const transport = createGrpcTransport({ baseUrl: url, sessionManager });
  return async (name, request, signal) => {
    const method = methods.find((each) => each.name === name);
    if (method === undefined) throw new Error(`no method ${name}`);
    const headers = { authorization: `Bearer ${token}` };
    try {
      const input = fromJson(method.input, request);
      const answer = await transport.unary(method, signal, undefined, headers, input);
      return toJson(method.output, answer.message) as JsonObject;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      const [info] = error.findDetails(ErrorInfoSchema);
      throw new Refused(error.code, info?.reason ?? "", error.rawMessage);
    }
  };
}

function overRest(url: string, token: string): Ask {
  const paths: Readonly<Record<Method, string>> = {
    ListMails: "mails",
    GetMail: "mails/*",
    WaitForMail: "wait",
  };
  return async (method, { mailId = "", ...fields }, signal) => {
    const path = paths[method]?.replace("*", encodeURIComponent(mailId as string));
    const query = new URLSearchParams(fields as Record<string, string>).toString();
    const response = await fetch(`${url}/countersign/v1/inbox/${path}?${query}`, {
      headers: { authorization: `Bearer ${token}` },
      ...(signal !== undefined && { signal }),
    });
    const answer = (await response.json()) as JsonObject;
    if (response.ok) return answer;
    const details = (answer["details"] ?? []) as { readonly "@type": string; readonly reason?: string }[];
    const info = details.find((detail) => detail["@type"].endsWith("google.rpc.ErrorInfo"));
    throw new Refused(Number(answer["code"]), info?.reason ?? "", textAt(answer, "message"));
  };
}

async function post(path: string, body: JsonObject): Promise<JsonObject> {
  const response = await fetch(application.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${application.token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as JsonObject;
}

let users = 0;

/** A new user without a code. */
async function addUser(): Promise<{ userId: string; email: string }> {
  users += 1;
  const email = `user-${users}@example.com`;
  const profile = { givenName: "Ada", familyName: "Lovelace" };
  const user = { profile, email: { email, isVerified: false } };
  return { userId: textAt(await post("/v2/users/human", user), "userId"), email };
}

function sendCode(userId: string): Promise<JsonObject> {
  return post(`/v2/users/${userId}/email/send`, {});
}

async function refusal(call: Promise<unknown>): Promise<{ code: number; reason: string }> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { code: error.code, reason: error.reason };
  }
  throw new Error("the call was not refused");
}

function mailOf(answer: JsonObject): Record<string, string> {
  return answer["mail"] as Record<string, string>;
}

describe.each(formats)("over %s", (_name, make) => {
  let ask: Ask;
  beforeAll(() => {
    ask = make();
  });

  test("who waits gets the mail when it comes, with a code that verifies", async () => {
    const { userId, email } = await addUser();
    const wait = ask("WaitForMail", { to: email.toUpperCase(), timeout: "20s" });
    await sendCode(userId);
    const mail = mailOf(await wait);
    expect(mail).toEqual({
      mailId: expect.any(String),
      receiveTime: expect.any(String),
      from: "Countersign <no-reply@localhost>",
      to: email,
      subject: "Verify your email address",
      code: expect.stringMatching(/^[A-Z2-9]{6}$/),
      link: `${application.url}/verify?code=${mail["code"]}&orgId=${application.organizationId}&userId=${userId}`,
      text: expect.stringContaining(`\n${mail["code"]}\n`),
      html: expect.stringContaining(`${mail["code"]}`),
      userId,
      organizationId: application.organizationId,
      locale: "en",
      messageId: `<${mail["mailId"]}@localhost>`,
    });
    await post(`/v2/users/${userId}/email/verify`, { verificationCode: `${mail["code"]}` });
  });

  test("a second mail is told from the first by its id, or by the time", async () => {
    const { userId, email } = await addUser();
    await sendCode(userId);
    const first = mailOf(await ask("WaitForMail", { to: email }));
    expect(mailOf(await ask("WaitForMail", { to: email }))).toEqual(first);
    const wait = ask("WaitForMail", { to: email, afterMailId: `${first["mailId"]}` });
    const waitByTime = ask("WaitForMail", { to: email, receivedAfter: `${first["receiveTime"]}` });
    await sendCode(userId);
    const second = mailOf(await wait);
    expect(second["code"]).not.toBe(first["code"]);
    expect(mailOf(await waitByTime)).toEqual(second);
    expect(mailOf(await ask("WaitForMail", { to: email }))).toEqual(second);
  });

  test.each<[name: string, request: JsonObject, code: number, reason: string]>([
    ["no mail within the time", { to: "nobody@example.com", timeout: "0.05s" }, 4, "NO_MAIL_CAME"],
    ["no mail at one look", { to: "nobody@example.com", timeout: "0s" }, 4, "NO_MAIL_CAME"],
    ["too long a time", { to: "nobody@example.com", timeout: "60.001s" }, 3, "REQUEST_INVALID"],
    ["a time before now", { to: "nobody@example.com", timeout: "-1s" }, 3, "REQUEST_INVALID"],
    ["no address", { timeout: "0s" }, 3, "REQUEST_INVALID"],
    ["an unknown mail to come after", { to: "a@b.example", afterMailId: "x" }, 5, "INBOX_MAIL_NOT_FOUND"],
  ])("waiting is refused: %s", async (_case, request, code, reason) => {
    expect(await refusal(ask("WaitForMail", request))).toEqual({ code, reason });
  });

  test("mails are listed in pages, newest first, and read one by one", async () => {
    const { userId, email } = await addUser();
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      await sendCode(userId);
      const after = ids.at(-1);
      const wait = { to: email, ...(after !== undefined && { afterMailId: after }) };
      ids.push(`${mailOf(await ask("WaitForMail", wait))["mailId"]}`);
    }
    const first = await ask("ListMails", { to: email, pageSize: 2 });
    const token = textAt(first, "nextPageToken");
    const rest = await ask("ListMails", { to: email, pageSize: 2, pageToken: token });
    const listed = [first, rest].flatMap((page) => page["mails"] as Record<string, string>[]);
    expect(listed.map((mail) => mail["mailId"])).toEqual(ids.toReversed());
    expect(rest["nextPageToken"] ?? "").toBe("");
    expect(listed[0]).not.toHaveProperty("text");
    expect(await refusal(ask("ListMails", { to: "other@example.com", pageToken: token }))).toEqual({
      code: 3,
      reason: "REQUEST_INVALID",
    });
    expect(await refusal(ask("ListMails", { pageSize: 501 }))).toEqual({
      code: 3,
      reason: "REQUEST_INVALID",
    });

    const { mail, source } = await ask("GetMail", { mailId: ids[0] ?? "" });
    expect(mail).toMatchObject(listed[2] ?? {});
    const parsed = await simpleParser(Buffer.from(source as string, "base64"));
    expect(parsed.html).toBe((mail as JsonObject)["html"]);
    expect(await refusal(ask("GetMail", { mailId: "unknown" }))).toEqual({
      code: 5,
      reason: "INBOX_MAIL_NOT_FOUND",
    });
  });

  test("a token is needed", async () => {
    const stranger = make("cs_unknown");
    expect(await refusal(stranger("WaitForMail", { to: "a@b.example" }))).toMatchObject({ code: 16 });
    expect(await refusal(stranger("ListMails", {}))).toMatchObject({ code: 16 });
  });
});

test("a thousand wait, one more may not, and who goes away makes room", async () => {
  const tooMany = { code: 8, reason: "TOO_MANY_WAITING" };
  const rest = overRest(application.url, application.token);
  const wait = { to: "late@example.com", timeout: "25s" };
  const moment = { to: "nobody@example.com", timeout: "0.05s" };
  const oneController = new AbortController();
  const one = rest("WaitForMail", wait, oneController.signal);
  // Once this was answered, the one before it waits.
  await refusal(rest("WaitForMail", moment));

  const controller = new AbortController();
  const clients = Array.from({ length: 8 }, () => overGrpc(application.url, application.token));
  const refused: unknown[] = [];
  const others = clients.flatMap((ask) =>
    Array.from({ length: 126 }, async () => {
      const reason = await refusal(ask("WaitForMail", wait, controller.signal));
      if (!controller.signal.aborted) refused.push(reason);
    }),
  );
  while (refused.length < 1 + others.length - 1_000) await new Promise((resolve) => setImmediate(resolve));
  expect(refused).toEqual(Array.from({ length: 9 }, () => tooMany));
  expect(await refusal(rest("WaitForMail", moment))).toEqual(tooMany);

  oneController.abort();
  await expect(one).rejects.toThrow("aborted");
  while ((await refusal(rest("WaitForMail", moment))).reason !== "NO_MAIL_CAME");
  controller.abort();
  await Promise.all(others);
  const crowd = () => Array.from({ length: 100 }, () => refusal(rest("WaitForMail", moment)));
  while ((await Promise.all(crowd())).some(({ reason }) => reason !== "NO_MAIL_CAME"));
  expect(refused).toHaveLength(9);
  expect(application.takeErrors()).toHaveLength(0);
});

test("a stop sends away who waits", async () => {
  const other = await startTestApplication();
  const rest = overRest(other.url, other.token);
  const waits = [rest, overGrpc(other.url, other.token)].map((ask) =>
    refusal(ask("WaitForMail", { to: "late@example.com", timeout: "25s" })),
  );
  // Once its question was answered, those before it on the way wait.
  await refusal(rest("WaitForMail", { to: "late@example.com", timeout: "0.2s" }));
  const stoppedMs = performance.now();
  await other.stop();
  expect(performance.now() - stoppedMs).toBeLessThan(1_500);
  expect(await Promise.all(waits)).toEqual([
    { code: 14, reason: "SHUTTING_DOWN" },
    { code: 14, reason: "SHUTTING_DOWN" },
  ]);
});

test("there is no inbox where mails are sent", async () => {
  const sending = await startTestApplication({ env: { COUNTERSIGN_SMTP_URL: "smtp://127.0.0.1:9" } });
  try {
    const ask = overRest(sending.url, sending.token);
    for (const [method, request] of [
      ["WaitForMail", { to: "ada@example.com" }],
      ["ListMails", {}],
      ["GetMail", { mailId: "x" }],
    ] as const) {
      expect(await refusal(ask(method, request))).toEqual({ code: 9, reason: "DEV_INBOX_OFF" });
    }
    expect((await fetch(`${sending.url}/inbox`)).status).toBe(404);
  } finally {
    await sending.stop();
  }
});
