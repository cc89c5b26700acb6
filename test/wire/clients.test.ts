// Every client that people may bring does the whole errand: add a user, send a code in each of the three ways, verify.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { clientKinds, type Outcome, type WireClient } from "../support/clients.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import { at, textAt, type MethodName } from "../support/wire-formats.ts";

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

const CODE = /^[A-HJ-NP-Z2-9]{6}$/;
const CODE_SUPERSEDED = {
  code: 3,
  message: "Code is invalid (COMMAND-eis9R)",
  details: [
    { "@type": "zitadel.v1.ErrorDetail", id: "COMMAND-eis9R", message: "Code is invalid" },
    { "@type": "google.rpc.ErrorInfo", reason: "CODE_SUPERSEDED", domain: "countersign" },
  ],
};

describe.each(clientKinds)("$name", ({ open }) => {
  let client: WireClient;
  beforeAll(async () => {
    client = await open(application);
  });
  afterAll(() => client.close());

  async function call(method: MethodName, request: JsonObject): Promise<JsonValue> {
    const outcome = await client.call(method, request);
    if (!outcome.ok) throw new Error(`${method} was refused: ${JSON.stringify(outcome.error)}`);
    return outcome.message;
  }

  async function addUser() {
    users += 1;
    const address = `user-${users}@example.com`;
    const added = await call("AddHumanUser", {
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: address, isVerified: false },
    });
    expect(at(added, "details", "sequence")).toBe("1");
    expect(at(added, "details", "resourceOwner")).toBe(application.organizationId);
    const userId = textAt(added, "userId");
    expect(await isVerified(userId)).toBe(false);
    return { userId, address };
  }

  /** False is proto3's default, which JSON leaves out. */
  async function isVerified(userId: string): Promise<boolean> {
    const found = await call("GetUserByID", { userId });
    expect(at(found, "user", "userId")).toBe(userId);
    return (at(found, "user", "human", "email", "isVerified") ?? false) as boolean;
  }

  function verify(userId: string, verificationCode: string): Promise<Outcome> {
    return client.call("VerifyEmail", { userId, verificationCode });
  }

  async function expectVerifiedBy(userId: string, verificationCode: string): Promise<void> {
    expect(verificationCode).toMatch(CODE);
    const verified = await call("VerifyEmail", { userId, verificationCode });
    expect(at(verified, "details", "resourceOwner")).toBe(application.organizationId);
    expect(Number(at(verified, "details", "sequence"))).toBeGreaterThanOrEqual(3);
    expect(await isVerified(userId)).toBe(true);
  }

  test("nothing set: the mail carries the code and the default link", async () => {
    const { userId, address } = await addUser();
    const sent = await call("SendEmailCode", { userId });
    expect(at(sent, "details", "sequence")).toBe("2");
    expect(at(sent, "verificationCode")).toBeUndefined();

    const { code, link } = await recorder.waitForMail(address);
    expect(link.origin + link.pathname).toBe(`${application.url}/verify`);
    expect(Object.fromEntries(link.searchParams)).toEqual({
      code,
      userId,
      orgId: application.organizationId,
    });
    await expectVerifiedBy(userId, code);
  });

  test("send_code: the mail carries the code and the link that the template makes", async () => {
    const { userId, address } = await addUser();
    const urlTemplate = "https://app.example.com/u/{{.UserID}}?c={{.Code}}&o={{.OrgID}}";
    const sent = await call("SendEmailCode", { userId, sendCode: { urlTemplate } });
    expect(at(sent, "verificationCode")).toBeUndefined();

    const { code, link } = await recorder.waitForMail(address);
    expect(link.href).toBe(`https://app.example.com/u/${userId}?c=${code}&o=${application.organizationId}`);
    await expectVerifiedBy(userId, code);
  });

  test("return_code: the answer carries the code, and no mail is sent", async () => {
    const { userId, address } = await addUser();
    const sent = await call("SendEmailCode", { userId, returnCode: {} });
    expect(at(sent, "details", "sequence")).toBe("2");
    await expectVerifiedBy(userId, textAt(sent, "verificationCode"));

    // Had there been one, it would have been queued, and most likely sent, before the next user's.
    const next = await addUser();
    await call("SendEmailCode", { userId: next.userId });
    await recorder.waitForMail(next.address);
    expect(recorder.mails.filter(({ recipients }) => recipients.includes(address))).toEqual([]);
  });

  test("only the newest code is valid, and the refusal reaches the caller whole", async () => {
    const { userId, address } = await addUser();
    await call("SendEmailCode", { userId });
    const first = await recorder.waitForMail(address);
    await call("SendEmailCode", { userId, sendCode: {} });
    const second = await recorder.waitForMail(address);
    const third = await call("SendEmailCode", { userId, returnCode: {} });

    expect(await verify(userId, first.code)).toEqual({ ok: false, error: CODE_SUPERSEDED });
    expect(await verify(userId, second.code)).toEqual({ ok: false, error: CODE_SUPERSEDED });
    expect(await isVerified(userId)).toBe(false);
    await expectVerifiedBy(userId, textAt(third, "verificationCode"));
  });
});
