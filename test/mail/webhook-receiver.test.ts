/** Runs the receiver that docs/operations.md shows, and posts mails to it. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface, type Interface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createComposer } from "../../src/mail/message.ts";
import { WebhookTransport } from "../../src/mail/webhook/webhook-transport.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";

const ROOT = new URL("../../", import.meta.url);
const SECRET = Buffer.alloc(32, "a secret");
const PERMIT = { take: () => Promise.resolve(true), arrived() {} };
const LISTEN_AND_TELL = '.listen(0, "127.0.0.1", function () { console.log(this.address().port); });';

const compose = createComposer({ from: { name: "", address: "accounts@example.org" } });

let receiver: ChildProcess;
let output: Interface;
let port: number;

beforeAll(async () => {
  const page = await readFile(new URL("docs/operations.md", ROOT), "utf8");
  const [, code = ""] = /<!-- receiver -->\n```js\n([^]*?)```/.exec(page) ?? [];
  expect(code).toContain(".listen(9000);");
  receiver = spawn(
    process.execPath,
    ["--input-type=module", "--eval", code.replace(".listen(9000);", LISTEN_AND_TELL)],
    {
      cwd: ROOT,
      env: { ...process.env, COUNTERSIGN_MAIL_WEBHOOK_SECRET: `whsec_${SECRET.toString("base64")}` },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  if (receiver.stdout === null) throw new Error("the receiver has no output");
  output = createInterface(receiver.stdout);
  port = Number(await line());
});

afterAll(async () => {
  receiver.kill();
  await once(receiver, "close");
});

async function line(): Promise<unknown> {
  const [text] = (await once(output, "line")) as unknown[];
  return text;
}

async function post(deliveryId: string, secrets: readonly Uint8Array[]): Promise<string> {
  const endpoint = { url: `http://127.0.0.1:${port}/`, secrets, allowPrivate: false };
  const transport = new WebhookTransport({ endpoint, logger: new TestLog().logger });
  const outcome = await transport.send(
    compose(mailRequest({ deliveryId, recipient: `${deliveryId}@example.com` })),
    PERMIT,
  );
  await transport.close();
  return outcome.kind === "transient" ? outcome.problem : outcome.kind;
}

test("it sends each mail once, and only what is signed with its secret", async () => {
  const sent: unknown[] = [];
  const bothSent = new Promise<void>((resolve) => {
    output.on("line", (text) => {
      if (sent.push(text) === 2) resolve();
    });
  });
  expect(await post("delivery-0", [Buffer.alloc(32)])).toContain(": 401: ");
  expect(await post("delivery-1", [SECRET])).toBe("accepted");
  expect(await post("delivery-1", [SECRET])).toBe("accepted");
  expect(await post("delivery-2", [Buffer.alloc(32), SECRET])).toBe("accepted");
  await bothSent;
  expect(sent).toEqual([
    "to delivery-1@example.com: Verify your email address",
    "to delivery-2@example.com: Verify your email address",
  ]);
});
