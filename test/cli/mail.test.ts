// `countersign mail list`, `show`, `retry`, `cancel` and `test` against a service that sends through a real relay.
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Refusal, Relay } from "../mail/relay.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { runCommand, type CommandResult } from "../support/command.ts";
import { overRest } from "../support/delivery-clients.ts";

jest.setTimeout(60_000);

/** What the relay answers to the next mail to an address; for "busy" to all. */
const refusals = new Map<string, Refusal>();
let relay: Relay;
let application: TestApplication;

beforeAll(async () => {
  relay = await Relay.start({
    onRecipient: (address) => {
      if (address.startsWith("busy")) throw new Refusal(451, "4.3.2 try again later");
      const refusal = refusals.get(address);
      refusals.delete(address);
      if (refusal !== undefined) throw refusal;
    },
  });
  application = await startTestApplication({
    env: {
      COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}`,
      COUNTERSIGN_MAIL_FROM: "Acme <post@acme.example>",
    },
  });
});
afterAll(async () => {
  await application.stop();
  await relay.stop();
});

function run(...args: string[]): Promise<CommandResult> {
  return runCommand([...args, "--url", application.url, "--data-dir", application.dataDir]);
}

interface Delivery {
  readonly deliveryId: string;
  readonly state: string;
  readonly messageId: string;
  readonly recipient: string;
}

async function shown(which: string): Promise<Delivery> {
  const { stdout, stderr } = await run("mail", "show", which);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Delivery;
}

/** Asks until the newest mail to the address is in the state. */
async function becomes(address: string, state: string): Promise<Delivery> {
  const ask = overRest(application.url, application.token);
  for (;;) {
    const { deliveries } = (await ask("ListDeliveries", { recipient: address })) as unknown as {
      deliveries: Delivery[];
    };
    const [newest] = deliveries;
    if (newest?.state === `DELIVERY_STATE_${state}`) return newest;
  }
}

const steady = (text: string) =>
  text
    .replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "TIME")
    .replaceAll(/ +\+[\d.]+ \w+ {2}/g, " SINCE ")
    .replaceAll(`127.0.0.1:${relay.port}`, "RELAY")
    .replaceAll(application.organizationId, "ORGANIZATION");

test("a mail's whole life: greylisted, made due at once, sent, bounced", async () => {
  const address = "grace@example.org";
  refusals.set(address, new Refusal(451, "4.7.1 greylisted, come back later"));
  await run(
    "user",
    "add",
    "--email",
    address,
    "--given-name",
    "G",
    "--family-name",
    "H",
    "--user-id",
    "grace",
    "--send-code",
  );
  const { deliveryId } = await becomes(address, "RETRYING");
  const waiting = await run("mail", "show", address, "--no-json");
  expect(steady(waiting.stdout)).toMatch(
    /^state {9}retrying: 451 4\.7\.1 greylisted, come back later \(RCPT TO\)\nnext attempt {2}TIME \(in \d+ \w+\)$/m,
  );

  const retried = await run("mail", "retry", deliveryId, "--no-json");
  expect(retried).toMatchObject({
    code: 0,
    stderr: "",
    stdout: expect.stringContaining("made due at once by"),
  });
  const { messageId } = await becomes(address, "SENT");
  await overRest(application.url, application.token)("ReportBounce", {
    bounce: {
      messageId,
      type: "BOUNCE_TYPE_PERMANENT",
      enhancedCode: "5.2.1",
      diagnostic: "550 5.2.1 mailbox \u001B[31mdisabled",
    },
  });
  // By its Message-ID too, as the headers of a mail have it.
  const { stdout } = await run("mail", "show", messageId, "--no-json");
  const admin = /due at once by (\S+)/.exec(stdout)?.[1] ?? "";
  const told = steady(stdout)
    .replaceAll(deliveryId, "ID")
    .replaceAll(admin, "ADMIN")
    .replace(/next one in .*/, "next one in TIME")
    .replace(/said 250 .*/, "said 250");
  expect(told.trimEnd().split("\n")).toEqual([
    "mail          ID",
    `to            ${address}`,
    // The service takes control characters out of what others say.
    "state         bounced: came back: 550 5.2.1 mailbox [31mdisabled",
    "user id       grace",
    "organization  ORGANIZATION",
    "message id    <ID@acme.example>",
    "",
    "TIME SINCE queued",
    "TIME SINCE attempt 1: failed for now, next one in TIME",
    "            RELAY said 451 4.7.1 greylisted, come back later (RCPT TO)",
    "TIME SINCE made due at once by ADMIN",
    "TIME SINCE attempt 2: sent",
    "            RELAY said 250",
    "TIME SINCE came back for good: 550 5.2.1 mailbox [31mdisabled; the address takes no mail from now on",
  ]);

  const refused = await run("mail", "test", address);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--allow-suppressed") });
  expect(await run("mail", "test", address, "--allow-suppressed")).toMatchObject({ code: 0, stderr: "" });
});

test("a test mail is waited for", async () => {
  const sent = await run("mail", "test", "alan@example.org", "--no-json");
  expect(sent).toMatchObject({ code: 0, stderr: "" });
  expect(sent.stdout).toMatch(/^state {9}sent\n/m);
  expect(sent.stdout).toMatch(/^kind {10}test mail\n/m);
  expect(relay.recipients).toContain("alan@example.org");

  refusals.set("nobody@example.org", new Refusal(550, "5.1.1 no such user"));
  const failed = await run("mail", "test", "nobody@example.org");
  expect(failed).toMatchObject({ code: 1, stderr: "countersign: not sent: the mail is failed\n" });
  expect(JSON.parse(failed.stdout)).toMatchObject({ state: "DELIVERY_STATE_FAILED" });

  const later = await run("mail", "test", "busy-1@example.org", "--no-json");
  expect(later.code).toBe(1);
  expect(later.stderr).toMatch(
    /^countersign: not sent yet: attempt 1 failed for now; `countersign mail show \S+` tells how it goes on\n$/,
  );

  const unwatched = await run("mail", "test", "busy-2@example.org", "--wait", "0s");
  expect(unwatched).toMatchObject({ code: 0, stderr: "" });
});

test("a mail that waits is cancelled, and cannot be sent then", async () => {
  const address = "busy-cancel@example.org";
  await run("mail", "test", address);
  const { deliveryId } = await shown(address);
  const cancelled = await run("mail", "cancel", deliveryId, "--no-json");
  expect(cancelled).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^state {9}cancelled: by \d+$/m),
  });
  expect(await run("mail", "retry", deliveryId)).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(
      /^countersign: The mail came to its end as cancelled .*mails another code\.\n$/,
    ),
  });
});

test("lists are filtered, cut and told where they end", async () => {
  for (const name of ["list-1", "list-2", "list-3"]) await run("mail", "test", `${name}@example.org`);
  const all = await run("mail", "list", "--state", "sent", "--since", "1h", "--limit", "2", "--no-json");
  expect(all.stdout.split("\n")).toEqual([
    expect.stringMatching(/^ID +QUEUED \(UTC\) +STATE +TRIES +TO +REASON$/),
    expect.stringMatching(/^\S+ +\d{4}-\d\d-\d\d \d\d:\d\d +sent +1 +list-3@example\.org$/),
    expect.stringMatching(/list-2@example\.org$/),
    "",
  ]);
  expect(all.stderr).toBe("note: there are more: --limit 2 ended the list\n");

  const one = await run("mail", "list", "--to", "list-1@example.org");
  expect(JSON.parse(one.stdout)).toMatchObject({ deliveries: [{ recipient: "list-1@example.org" }] });
  const none = await run("mail", "list", "--before", "1h", "--no-json");
  expect(none).toMatchObject({ code: 0, stdout: "", stderr: "no mail passes the filters\n" });
  expect(await run("mail", "list", "--user", "nobody")).toMatchObject({
    code: 0,
    stdout: '{\n  "deliveries": []\n}\n',
  });
});

test.each<[string[], number, string]>([
  [["show", "none"], 4, "countersign: There is no such delivery. `countersign mail list` has the ids.\n"],
  [["show", "none@example.org"], 4, "countersign: there is no mail to that address\n"],
  [["cancel", "none"], 4, "countersign: There is no such delivery. `countersign mail list` has the ids.\n"],
  [
    ["test", "ada"],
    1,
    "countersign: recipient: value must be a valid email address (missing '@' or angle-addr)\n",
  ],
  [["list", "--state", "lost"], 2, "It has to be one of queued, sending, retrying,"],
  [["list", "--since", "yesterday"], 2, "It has to be 30m, 12h or 7d for so long ago, or a time"],
  [["list", "--limit", "0"], 2, "It has to be a whole number from 1 to 10000."],
])("mail %j", async (args, code, message) => {
  expect(await run("mail", ...args)).toMatchObject({
    code,
    stdout: "",
    stderr: expect.stringContaining(message),
  });
});
