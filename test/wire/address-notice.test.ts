// The notice to an old address, from the call that changes it to the mailbox, with the person's own token.
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { Relay } from "../mail/relay.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { overRest } from "../support/delivery-clients.ts";
import { asAdmin, ask } from "../support/user-service-calls.ts";
import { JwtIssuer } from "../support/jwt-issuer.ts";
import { grpc, rest, type Format, type MethodName } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

let relay: Relay;
let issuer: JwtIssuer;
let on: TestApplication;
let off: TestApplication;

beforeAll(async () => {
  relay = await Relay.start();
  issuer = await JwtIssuer.start();
  const env = { ...issuer.env, COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}` };
  on = await startTestApplication({ env: { ...env, COUNTERSIGN_ADDRESS_CHANGE_NOTICE: "on" } });
  off = await startTestApplication({ env });
});
afterEach(() => expect([...on.takeErrors(), ...off.takeErrors()]).toEqual([]));
afterAll(async () => {
  await Promise.all([on.stop(), off.stop()]);
  await Promise.all([issuer.stop(), relay.stop()]);
});

async function addVerified(application: TestApplication, userId: string): Promise<void> {
  await asAdmin(application, "AddHumanUser", {
    userId,
    profile: { givenName: "Ada", familyName: "Lovelace", displayName: "Ada", preferredLanguage: "fr" },
    email: { email: `${userId}@example.com`, isVerified: true },
  });
}

function mailsTo(address: string) {
  return relay.mails.filter(({ envelopeTo }) => envelopeTo.includes(address));
}

async function deliveriesOf(application: TestApplication, userId: string): Promise<readonly JsonObject[]> {
  const list = overRest(application.url, application.token);
  const { deliveries = [] } = await list("ListDeliveries", { userId });
  return deliveries as JsonObject[];
}

/** All mails to the user have left. */
async function allSent(application: TestApplication, userId: string, count: number): Promise<void> {
  for (;;) {
    const states = (await deliveriesOf(application, userId)).map(({ state }) => state);
    if (states.length === count && states.every((state) => state === "DELIVERY_STATE_SENT")) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const changes: readonly [name: string, Format, MethodName, (userId: string) => JsonObject][] = [
  ["gRPC", grpc, "SetEmail", (userId) => ({ userId, email: `new-${userId}@evil.example` })],
  ["REST", rest, "SetEmail", (userId) => ({ userId, email: `new-${userId}@evil.example` })],
  ["REST", rest, "UpdateHumanUser", (userId) => ({ userId, email: { email: `new-${userId}@evil.example` } })],
  [
    "gRPC",
    grpc,
    "UpdateUser",
    (userId) => ({
      userId,
      human: {
        profile: { displayName: "All is well", preferredLanguage: "zh" },
        email: { email: `new-${userId}@evil.example` },
      },
    }),
  ],
];

test.each(changes)(
  "%s, change %# with one's own token: the old address hears of it",
  async (name, format, method, request) => {
    const userId = `${name}-${method}`.toLowerCase();
    await addVerified(on, userId);
    const token = await issuer.token(userId);
    const { error } = await ask(on, format, token, method, request(userId), { "accept-language": "de" });
    expect(error).toBeUndefined();
    await allSent(on, userId, 2);

    const [notice, ...others] = mailsTo(`${userId}@example.com`);
    expect(others).toEqual([]);
    const { parsed } = notice ?? { parsed: undefined };
    // In the language that the person had before.
    expect(parsed?.subject).toBe("Votre adresse e-mail a été modifiée");
    const words = `${parsed?.text}\n${String(parsed?.html)}`;
    expect(words).toContain("n***@evil.example");
    expect(words).not.toContain(`new-${userId}`);
    expect(words).not.toContain("All is well");
    expect(words).not.toMatch(/https?:\/\//);

    const [code] = mailsTo(`new-${userId}@evil.example`);
    const mailedCode = /^[A-Z0-9]{6}$/m.exec(code?.parsed.text ?? "")?.[0] ?? "none";
    expect(mailedCode).not.toBe("none");
    expect(words).not.toContain(mailedCode);

    const kinds = (await deliveriesOf(on, userId)).map(({ kind, recipient, codeId = "" }) => [
      kind,
      recipient,
      codeId !== "",
    ]);
    expect(kinds.toSorted()).toEqual([
      ["DELIVERY_KIND_CODE", `new-${userId}@evil.example`, true],
      ["DELIVERY_KIND_NOTICE", `${userId}@example.com`, false],
    ]);
  },
);

test("an account that is deleted right after the change does not silence it", async () => {
  const userId = "deleted";
  await addVerified(on, userId);
  await asAdmin(on, "SetEmail", { userId, email: "new-deleted@evil.example", isVerified: true });
  await asAdmin(on, "DeleteUser", { userId });
  await allSent(on, userId, 1);
  expect(mailsTo("deleted@example.com")).toHaveLength(1);
});

test("off, as by default, nobody hears of it", async () => {
  const userId = "quiet";
  await addVerified(off, userId);
  await asAdmin(off, "SetEmail", { userId, email: "new-quiet@evil.example" });
  await allSent(off, userId, 1);
  expect(mailsTo("quiet@example.com")).toEqual([]);
});
