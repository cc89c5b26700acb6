// What an operator does with mails: read what became of them, send again, cancel, test, report what came back.
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { Refusal, Relay, type ReceivedMail } from "../mail/relay.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { deliveryFormats, type Ask } from "../support/delivery-clients.ts";
import { Refused } from "../support/json-calls.ts";
import { at, textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

/** What the relay answers to the next mail to an address, before it takes any. */
const refusals = new Map<string, Refusal>();
/** Held before the relay answers the final dot. */
let beforeAccept: () => Promise<void> = () => Promise.resolve();
let relay: Relay;
let application: TestApplication;
let ask: Ask;
let users = 0;

beforeAll(async () => {
  relay = await Relay.start({
    onRecipient: (address) => {
      const greylisting = refusals.get(address);
      refusals.delete(address);
      if (greylisting !== undefined) throw greylisting;
    },
    beforeAccept: () => beforeAccept(),
  });
  application = await startTestApplication({
    env: { COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}` },
  });
});
beforeEach(() => {
  beforeAccept = () => Promise.resolve();
  ask = clientOf("gRPC");
});
afterAll(async () => {
  await application.stop();
  await relay.stop();
});

function clientOf(format: string): Ask {
  const [, make] = deliveryFormats.find(([name]) => name === format) ?? [];
  if (make === undefined) throw new Error(`no format ${format}`);
  return make(application);
}

async function userCall(path: string, body: JsonObject, headers: Record<string, string> = {}) {
  const response = await fetch(application.url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${application.token}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, json: (await response.json()) as JsonObject };
}

/** A new user, who is mailed a code. */
async function addUser(address = ""): Promise<{ userId: string; address: string }> {
  users += 1;
  const email = address || `user-${users}@example.com`;
  const { status, json } = await userCall("/v2/users/human", {
    profile: { givenName: "Ada", familyName: "Lovelace" },
    username: `user-${users}`,
    email: { email, sendCode: {} },
  });
  expect(status).toBe(200);
  return { userId: textAt(json, "userId"), address: email };
}

async function deliveriesOf(userId: string): Promise<JsonObject[]> {
  return listOf(await ask("ListDeliveries", { userId }), "deliveries");
}

function listOf(json: JsonObject, name: string): JsonObject[] {
  return (json[name] ?? []) as JsonObject[];
}

async function holds(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The delivery of the user's newest mail, once it is in that state. */
async function reaches(userId: string, state: string): Promise<JsonObject> {
  let newest: JsonObject | undefined;
  await holds(async () => {
    [newest] = await deliveriesOf(userId);
    return newest?.["state"] === `DELIVERY_STATE_${state}`;
  });
  return newest as JsonObject;
}

async function mailTo(address: string): Promise<ReceivedMail> {
  const find = () => relay.mails.find(({ envelopeTo }) => envelopeTo.includes(address));
  await holds(() => find() !== undefined);
  return find() as ReceivedMail;
}

async function get(delivery: JsonObject): Promise<JsonObject> {
  const answer = await ask("GetDelivery", { deliveryId: textAt(delivery, "deliveryId") });
  return answer["delivery"] as JsonObject;
}

function entries(delivery: JsonObject): string[] {
  return listOf(delivery, "timeline").map((entry) => {
    const [kind] = Object.keys(entry).filter((name) => name !== "time" && name !== "summary");
    return String(kind);
  });
}

async function refusal(call: Promise<unknown>): Promise<{ code: number; reason: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { code, reason, message } = error;
    return { code, reason, message };
  }
  throw new Error("the call was not refused");
}

/** A report as a mail server writes it. */
function dsn(messageId: string, address: string, { status = "5.1.1", action = "failed" } = {}): string {
  const text = [
    "From: MAILER-DAEMON@mx.example.net",
    "To: no-reply@localhost",
    "Subject: Undelivered Mail Returned to Sender",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"',
    "MIME-Version: 1.0",
    "",
    "--b1",
    "Content-Type: text/plain",
    "",
    "I am sorry.",
    "",
    "--b1",
    "Content-Type: message/delivery-status",
    "",
    "Reporting-MTA: dns; mx.example.net",
    "Arrival-Date: Sun, 22 Nov 2026 12:00:00 +0000",
    "",
    `Final-Recipient: rfc822; ${address}`,
    `Action: ${action}`,
    `Status: ${status}`,
    `Diagnostic-Code: smtp; 550 ${status} no such mailbox`,
    "",
    "--b1",
    "Content-Type: text/rfc822-headers",
    "",
    `Message-ID: ${messageId}`,
    "Subject: Verify your email address",
    "",
    "--b1--",
    "",
  ];
  return Buffer.from(text.join("\r\n")).toString("base64");
}

describe.each(deliveryFormats.map(([name]) => name))("over %s", (format) => {
  beforeEach(() => {
    ask = clientOf(format);
  });

  test("the whole life of a mail reads in GetDelivery: greylisted, sent, bounced", async () => {
    const address = `greylisted-${users}@example.com`;
    refusals.set(address, new Refusal(451, "4.7.1 Greylisted, come back later"));
    const { userId } = await addUser(address);
    const waiting = await reaches(userId, "RETRYING");
    expect(waiting).toMatchObject({
      recipient: address,
      kind: "DELIVERY_KIND_CODE",
      organizationId: application.organizationId,
      attemptCount: 1,
      reason: expect.stringContaining("Greylisted"),
      nextAttemptTime: expect.any(String),
      messageId: expect.stringMatching(/^<[\w-]{22}@localhost>$/),
    });
    expect(waiting["timeline"]).toBeUndefined();

    const deliveryId = textAt(waiting, "deliveryId");
    const retried = await ask("RetryDelivery", { deliveryId });
    expect(entries(retried["delivery"] as JsonObject)).toEqual(["queued", "attempt", "retryRequested"]);
    const sent = await reaches(userId, "SENT");
    expect(sent).toMatchObject({ attemptCount: 2, endTime: expect.any(String) });
    expect(sent["reason"]).toBeUndefined();

    const messageId = textAt(sent, "messageId");
    const report = await ask("ReportBounce", { dsn: dsn(messageId, address) });
    expect(report["suppression"]).toMatchObject({
      address,
      organizationId: application.organizationId,
      type: "BOUNCE_TYPE_PERMANENT",
      enhancedCode: "5.1.1",
      deliveryId,
    });

    const delivery = await get(sent);
    expect(delivery).toMatchObject({ state: "DELIVERY_STATE_BOUNCED" });
    expect(entries(delivery)).toEqual(["queued", "attempt", "retryRequested", "attempt", "ended", "bounce"]);
    const [, first, , second, end, bounce] = listOf(delivery, "timeline");
    const name = `127.0.0.1:${relay.port}`;
    expect(first).toMatchObject({
      summary: expect.stringMatching(
        new RegExp(
          `^attempt 1 failed for now: ${name} said .*451 4.7.1 Greylisted.*; next attempt in \\d+ (s|min)$`,
        ),
      ),
      attempt: {
        number: 1,
        startTime: expect.any(String),
        state: "DELIVERY_STATE_RETRYING",
        nextAttemptTime: expect.any(String),
        replies: [{ relay: name, outcome: "RELAY_OUTCOME_TRANSIENT", replyCode: 451, enhancedCode: "4.7.1" }],
      },
    });
    expect(second).toMatchObject({
      summary: expect.stringMatching(new RegExp(`^attempt 2 succeeded: ${name} said 250`)),
      attempt: { replies: [{ outcome: "RELAY_OUTCOME_ACCEPTED", replyCode: 250 }] },
    });
    expect(end).toMatchObject({ summary: "sent", ended: { state: "DELIVERY_STATE_SENT" } });
    expect(bounce).toMatchObject({
      summary:
        "came back for good at mx.example.net: 550 5.1.1 no such mailbox; the address takes no mail from now on",
      bounce: { reportingServer: "mx.example.net", addressSuppressed: true, enhancedCode: "5.1.1" },
    });

    // The same report again changes nothing.
    await ask("ReportBounce", { dsn: dsn(messageId, address) });
    expect(entries(await get(sent))).toHaveLength(6);
    await ask("RemoveSuppression", { address });
    expect(await refusal(ask("RemoveSuppression", { address }))).toMatchObject({
      code: 5,
      reason: "SUPPRESSION_NOT_FOUND",
    });
  });

  test("a list filters, and pages stay apart under new mails", async () => {
    const { userId, address } = await addUser();
    for (let count = 0; count < 4; count++) await userCall(`/v2/users/${userId}/email/send`, {});
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await ask("ListDeliveries", { recipient: address, pageSize: 2, pageToken });
      seen.push(...listOf(page, "deliveries").map((delivery) => textAt(delivery, "deliveryId")));
      pageToken = typeof page["nextPageToken"] === "string" ? page["nextPageToken"] : "";
      await userCall(`/v2/users/${userId}/email/send`, {});
    } while (pageToken !== "");
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);

    await holds(async () =>
      (await deliveriesOf(userId)).every(
        ({ state }) => typeof state === "string" && /SENT|CANCELLED/.test(state),
      ),
    );
    const upperDomain = address.replace("@example.com", "@EXAMPLE.com");
    const otherCase = address.replace("user", "User");
    expect(listOf(await ask("ListDeliveries", { recipient: upperDomain }), "deliveries")).toHaveLength(8);
    expect(listOf(await ask("ListDeliveries", { recipient: otherCase }), "deliveries")).toEqual([]);
    const states = ["DELIVERY_STATE_SENT", "DELIVERY_STATE_CANCELLED"];
    const of = async (state: string) =>
      listOf(await ask("ListDeliveries", { userId, states: [state] }), "deliveries").length;
    expect((await of("DELIVERY_STATE_SENT")) + (await of("DELIVERY_STATE_CANCELLED"))).toBe(8);
    expect(listOf(await ask("ListDeliveries", { userId, states }), "deliveries")).toHaveLength(8);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    expect(listOf(await ask("ListDeliveries", { userId, queuedFrom: tomorrow }), "deliveries")).toEqual([]);
    expect(
      listOf(await ask("ListDeliveries", { userId, queuedBefore: tomorrow }), "deliveries"),
    ).toHaveLength(8);
  });

  test.each([
    ["a page of more than 1,000", { pageSize: 1_001 }, "page_size"],
    ["a page of less than none", { pageSize: -1 }, "page_size"],
    ["a page token that nobody gave out", { pageToken: "bm9uc2Vuc2U" }, "page_token"],
    ["a state that is none", { states: ["DELIVERY_STATE_UNSPECIFIED"] }, "states[0]"],
  ])("%s is refused", async (_what, request, field) => {
    expect(await refusal(ask("ListDeliveries", request as JsonObject))).toMatchObject({
      code: 3,
      reason: "REQUEST_INVALID",
      message: expect.stringContaining(field),
    });
  });

  test("a page token continues no list but its own", async () => {
    const { userId } = await addUser();
    await userCall(`/v2/users/${userId}/email/send`, {});
    const { nextPageToken } = await ask("ListDeliveries", { userId, pageSize: 1 });
    expect(
      listOf(await ask("ListDeliveries", { userId, pageToken: nextPageToken ?? "" }), "deliveries"),
    ).toHaveLength(1);
    expect(await refusal(ask("ListDeliveries", { pageToken: nextPageToken ?? "" }))).toMatchObject({
      code: 3,
    });
  });

  test("a test mail takes the path of all others and is listed like them", async () => {
    const recipient = `operator-${format}@example.com`;
    const { delivery } = await ask("SendTestMail", { recipient });
    expect(delivery).toMatchObject({ kind: "DELIVERY_KIND_TEST", recipient, state: expect.any(String) });
    const mail = await mailTo(recipient);
    expect(mail.parsed.subject).toBe("Test mail from Countersign");
    expect(mail.parsed.messageId).toBe(`<${textAt(delivery, "deliveryId")}@localhost>`);
    expect(mail.parsed.text).toContain("There is nothing to do.");
    expect(mail.parsed.text).not.toContain("http");
    expect(mail.parsed.html).toContain("TEST");
    const [listed] = listOf(await ask("ListDeliveries", { recipient }), "deliveries");
    expect(listed).toMatchObject({ deliveryId: textAt(delivery, "deliveryId"), kind: "DELIVERY_KIND_TEST" });
    expect(listed?.["userId"]).toBeUndefined();
  });

  test("what is over is neither sent again nor cancelled, and says what to call", async () => {
    const { userId } = await addUser();
    const deliveryId = textAt(await reaches(userId, "SENT"), "deliveryId");
    for (const method of ["RetryDelivery", "CancelDelivery"] as const) {
      expect(await refusal(ask(method, { deliveryId }))).toEqual({
        code: 9,
        reason: "DELIVERY_ENDED",
        message: "The mail came to its end as sent, and its code was erased with that",
      });
    }
    expect(await refusal(ask("GetDelivery", { deliveryId: "unknown" }))).toMatchObject({
      code: 5,
      reason: "DELIVERY_NOT_FOUND",
    });
  });

  test("a bounced address is refused mail, unless that is asked for", async () => {
    const { userId, address } = await addUser(`Gone-${users}@Example.com`);
    const sent = await reaches(userId, "SENT");
    const messageId = textAt(sent, "messageId");
    await ask("ReportBounce", {
      bounce: { messageId, recipient: address, type: "BOUNCE_TYPE_PERMANENT", enhancedCode: "5.1.1" },
    });
    const refused = { status: 400, json: { code: 9, message: expect.stringContaining("takes no mail") } };
    expect(await userCall(`/v2/users/${userId}/email/send`, {})).toMatchObject(refused);
    expect(await userCall(`/v2/users/${userId}/email/resend`, {})).toMatchObject(refused);
    expect(await refusal(ask("SendTestMail", { recipient: address }))).toMatchObject({
      code: 9,
      reason: "ADDRESS_SUPPRESSED",
    });
    const other = await addUser();
    const upper = address.replace("@Example.com", "@EXAMPLE.COM");
    expect(await userCall(`/v2/users/${other.userId}/email`, { email: upper, sendCode: {} })).toMatchObject(
      refused,
    );
    // Codes in the caller's hand and addresses that it vouches for need no mailbox.
    expect(await userCall(`/v2/users/${userId}/email/send`, { returnCode: {} })).toMatchObject({
      status: 200,
    });
    const allowed = { "countersign-allow-suppressed": "true" };
    expect(await userCall(`/v2/users/${userId}/email/send`, {}, allowed)).toMatchObject({ status: 200 });
    expect((await ask("SendTestMail", { recipient: address }, allowed))["delivery"]).toBeDefined();

    const [suppression] = listOf(await ask("ListSuppressions", { address }), "suppressions");
    expect(suppression).toMatchObject({
      address,
      type: "BOUNCE_TYPE_PERMANENT",
      createTime: expect.any(String),
    });
    await ask("RemoveSuppression", { address: upper });
    expect(listOf(await ask("ListSuppressions", { address }), "suppressions")).toEqual([]);
    expect(await userCall(`/v2/users/${userId}/email/send`, {})).toMatchObject({ status: 200 });
  });
});

describe("a mail that is being sent", () => {
  test("is cancelled before the relay takes it, for it waits for a connection", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    beforeAccept = () => promise;
    // Five connections, each held at the final dot; what comes after waits for one.
    const ahead = [];
    for (let count = 0; count < 5; count++) ahead.push(await addUser());
    for (const { userId } of ahead) await reaches(userId, "SENDING");
    const { userId, address } = await addUser();
    const sending = await reaches(userId, "SENDING");
    const deliveryId = textAt(sending, "deliveryId");
    const cancelling = ask("CancelDelivery", { deliveryId });
    await reachesCancelRequest(sending);
    resolve();
    const { delivery } = await cancelling;
    expect(delivery).toMatchObject({
      state: "DELIVERY_STATE_CANCELLED",
      reason: expect.stringMatching(/^cancelled by \d+$/),
    });
    expect(entries(delivery as JsonObject)).toEqual(["queued", "cancelRequested", "ended"]);
    for (const user of ahead) await reaches(user.userId, "SENT");
    expect(relay.mails.filter(({ envelopeTo }) => envelopeTo.includes(address))).toEqual([]);
  });

  test("was taken: the call says that it came too late", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    beforeAccept = () => promise;
    const { userId, address } = await addUser();
    const sending = await reaches(userId, "SENDING");
    await holds(() => relay.recipients.includes(address));
    const cancelling = refusal(ask("CancelDelivery", { deliveryId: textAt(sending, "deliveryId") }));
    await reachesCancelRequest(sending);
    resolve();
    expect(await cancelling).toMatchObject({
      code: 9,
      reason: "DELIVERY_ENDED",
      message: expect.stringContaining("as sent"),
    });
    expect(entries(await get(sending))).toEqual(["queued", "cancelRequested", "attempt", "ended"]);
  });
});

function reachesCancelRequest(delivery: JsonObject): Promise<void> {
  return holds(async () => at(await get(delivery), "cancelRequested") === true);
}
