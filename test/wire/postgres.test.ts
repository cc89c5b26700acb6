// The whole service on PostgreSQL, as two instances that share one database.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { exchangeHttp1, exchangeHttp2 } from "../support/raw-http.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import { formats, textAt, type Answer, type Format, type MethodName } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

const TOKEN = randomBytes(32).toString("hex");

let server: TestPostgres;
let recorder: SmtpRecorder;
let instances: [TestApplication, TestApplication];
let users = 0;

beforeAll(async () => {
  server = await TestPostgres.start();
  recorder = await SmtpRecorder.start();
  const env = {
    COUNTERSIGN_DATABASE_URL: server.url(await server.createDatabase()),
    COUNTERSIGN_SECRET_KEY: randomBytes(32).toString("base64"),
    COUNTERSIGN_ADMIN_TOKEN: TOKEN,
    COUNTERSIGN_SMTP_URL: recorder.url,
    COUNTERSIGN_USER_SENDS_PER_HOUR: "3",
  };
  // At once: both find an empty database.
  instances = await Promise.all([startTestApplication({ env }), startTestApplication({ env })]);
});
afterAll(async () => {
  for (const instance of instances) {
    expect(instance.takeErrors()).toEqual([]);
    await instance.stop();
  }
  await recorder.stop();
  await server.stop();
});

async function call(
  format: Format,
  to: TestApplication,
  method: MethodName,
  message: JsonObject,
): Promise<Answer> {
  const request = format.encode(method, message);
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  const headers = { ...request.headers, authorization: `Bearer ${TOKEN}` };
  return format.decode(method, await over(to, { ...request, headers }));
}

async function succeed(
  format: Format,
  to: TestApplication,
  method: MethodName,
  message: JsonObject,
): Promise<JsonObject> {
  const answer = await call(format, to, method, message);
  if (answer.message === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.message as JsonObject;
}

async function addUser(format: Format, to: TestApplication): Promise<string> {
  users += 1;
  const added = await succeed(format, to, "AddHumanUser", {
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `ada-${users}@example.org`, isVerified: false },
  });
  return textAt(added, "userId");
}

test("both instances made one organization between them", () => {
  expect(instances[0].organizationId).toBe(instances[1].organizationId);
});

describe.each(formats.map((format) => [format.name, format] as const))("%s", (_name, format) => {
  test("a code that one instance sent verifies at the other", async () => {
    const [here, there] = instances;
    const userId = await addUser(format, here);
    const sent = await succeed(format, here, "SendEmailCode", { userId, returnCode: {} });
    await succeed(format, there, "VerifyEmail", {
      userId,
      verificationCode: textAt(sent, "verificationCode"),
    });
    const found = await succeed(format, here, "GetUserByID", { userId });
    expect(textAt(found, "user", "details", "sequence")).toBe("3");
  });

  test("limits count the calls of both", async () => {
    const [here, there] = instances;
    const userId = await addUser(format, here);
    const answers = [];
    for (const to of [here, there, here, there]) {
      answers.push(await call(format, to, "SendEmailCode", { userId, returnCode: {} }));
    }
    expect(answers.map(({ error }) => error === undefined)).toEqual([true, true, true, false]);
  });
});

test("mails of both instances go out, each once", async () => {
  const format = formats[0] as Format;
  const ids = await Promise.all([...instances, ...instances].map((to) => addUser(format, to)));
  const before = recorder.mails.length;
  await Promise.all(
    ids.map((userId, index) =>
      succeed(format, instances[index % 2] as TestApplication, "SendEmailCode", { userId, sendCode: {} }),
    ),
  );
  const isRecorded = async (userId: string) => {
    // Added, code made, code sent.
    const found = await succeed(format, instances[0], "GetUserByID", { userId });
    return textAt(found, "user", "details", "sequence") === "3";
  };
  for (const userId of ids) while (!(await isRecorded(userId))) await sleep(20);
  // One that came twice would come with another look at the outbox.
  await sleep(1_500);
  expect(recorder.mails).toHaveLength(before + ids.length);
});
