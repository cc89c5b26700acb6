// What arrives at the other end of a socket, read by a parser that is not ours.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createComposer } from "../../../src/mail/message.ts";
import { SmtpTransport } from "../../../src/mail/smtp-transport.ts";
import { TestLog } from "../../mail/log.ts";
import { Relay, type ReceivedMail } from "../../mail/relay.ts";
import { compose, REQUEST, sampleMail } from "./sample.ts";

let relay: Relay;
let transport: SmtpTransport;

beforeAll(async () => {
  relay = await Relay.start();
  const relays = [{ host: "127.0.0.1", port: relay.port, secure: false }];
  transport = new SmtpTransport({ relays, logger: new TestLog().logger });
});

afterAll(async () => {
  await transport.close();
  await relay.stop();
});

async function sent(name = REQUEST.recipient.name): Promise<ReceivedMail> {
  const mail = sampleMail({ recipient: { name, address: "ada@example.com" } });
  expect(await transport.send(mail)).toEqual({ kind: "accepted" });
  return relay.mails.at(-1) as ReceivedMail;
}

describe("a mail as it arrives", () => {
  test("has the headers that readers, programs and robots look for", async () => {
    const { parsed, raw } = await sent();
    const header = (name: string) => parsed.headers.get(name);
    expect(parsed.from?.value).toEqual([{ name: "Example Accounts", address: "accounts@example.org" }]);
    expect(parsed.to).toMatchObject({ value: [{ name: "Ada Lovelace", address: "ada@example.com" }] });
    expect(parsed.subject).toBe("Verify your email address");
    expect(parsed.messageId).toBe("<kQ2-delivery_0001abcdef@example.org>");
    expect(parsed.date?.toISOString()).toBe("2026-11-22T20:05:00.000Z");
    expect(header("auto-submitted")).toBe("auto-generated");
    expect(header("mime-version")).toBe("1.0");
    expect(header("x-mailer")).toBeUndefined();
    expect(raw.match(/^Date: .*$/gm)).toEqual(["Date: Sun, 22 Nov 2026 20:05:00 +0000"]);
    expect(parsed.attachments).toEqual([]);
  });

  test("has a text part with the code alone on its line, the link, the end of the code and a way out", async () => {
    const { parsed } = await sent();
    const lines = parsed.text?.split("\n") ?? [];
    expect(lines).toContain("Hello Ada Lovelace,");
    expect(lines).toContain(REQUEST.code);
    expect(lines).toContain(REQUEST.link);
    expect(parsed.text).toContain("until 22 November 2026 at 21:05 UTC (1 hour after it was requested)");
    expect(parsed.text).toContain("If it was not you");
  });

  test("has an HTML part with the code, a button, the link as text, both colour schemes and nothing remote", async () => {
    const { parsed } = await sent();
    const html = String(parsed.html);
    const escapedLink = REQUEST.link.replaceAll("&", "&amp;");
    expect(html).toContain(`>${REQUEST.code}</p>`);
    expect(html.split(`href="${escapedLink}"`)).toHaveLength(3);
    expect(html).toContain(`>${escapedLink}</a>`);
    expect(html).toContain("Hello Ada Lovelace,");
    expect(html).toContain("22 November 2026 at 21:05 UTC");
    expect(html).toContain('content="light dark"');
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).not.toMatch(
      /<(img|script|link|iframe|object|embed|video|audio|form|input)\b|url\(|@import|\bsrc=|\bon\w+=/i,
    );
    const urls = html.match(/https?:\/\/[^"<]+/g) ?? [];
    expect(new Set(urls)).toEqual(new Set([escapedLink]));
  });

  test.each([
    ["markup", '<script>alert(1)</script><b>"x"</b>'],
    ["attributes", `" style="x" '`],
    ["a comma and another address's shape", "Ada, Grace; <x>"],
    ["umlauts and emoji", "Zoë Müller 👩‍💻"],
  ])("shows a display name with %s as text", async (_, name) => {
    const { parsed, envelopeTo } = await sent(name);
    const escaped = name.replace(
      /[&<>"']/g,
      (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c] ?? c,
    );
    expect(String(parsed.html)).toContain(`Hello ${escaped.trim()},`);
    expect(parsed.text).toContain(`Hello ${name.trim()},`);
    expect(parsed.to).toMatchObject({ value: [{ name: name.trim(), address: "ada@example.com" }] });
    expect(envelopeTo).toEqual(["ada@example.com"]);
  });

  test("keeps a display name on one line", async () => {
    const { parsed, raw } = await sent("Ada\r\nBcc: evil@example.net\r\n\r\nK7QX2M");
    expect(raw).not.toMatch(/^Bcc:/im);
    expect(parsed.text).toContain("Hello,");
    const { parsed: other } = await sent("Ada\r\nX-Evil: yes\u2028\u202Egnp exe");
    expect(other.headers.has("x-evil")).toBe(false);
    expect(other.text?.split("\n")[0]).toBe("Hello Ada X-Evil: yes gnp exe,");
  });

  test.each(["see https://evil.example", "evil.example.com", "write to me@evil.example", "WWW.EVIL"])(
    "leaves out a display name that mail programs would turn into a link: %s",
    async (name) => {
      const { parsed } = await sent(name);
      expect(parsed.text).toContain("Hello,");
      expect(parsed.to).toMatchObject({ value: [{ name: "", address: "ada@example.com" }] });
    },
  );
});

test("the Message-ID and all else stay the same at every try, and differ from row to row", () => {
  expect(sampleMail()).toEqual(sampleMail());
  expect(sampleMail({ deliveryId: "other" }).messageId).toBe("<other@example.org>");
});

test("the Message-ID has the sender's domain in ASCII", () => {
  const mail = createComposer({ name: "", address: "post@bücher.example" })(REQUEST);
  expect(mail.messageId).toBe(`<${REQUEST.deliveryId}@xn--bcher-kva.example>`);
  expect(mail.text).toContain("\nbücher.example\n");
});

test.each([
  [60_000, "1 minute"],
  [15 * 60_000, "15 minutes"],
  [90 * 60_000, "1 hour 30 minutes"],
  [7 * 86_400_000, "7 days"],
])("a code that lives %d ms is said to live %s", (lifeMs, words) => {
  const mail = sampleMail({ expiresAtMs: REQUEST.queuedAtMs + lifeMs });
  expect(mail.text).toContain(`(${words} after it was requested)`);
});

test("no display name changes the structure of the HTML or adds a line to the text", () => {
  const tags = (html: string) => html.match(/<[^>]*>/g);
  const plain = sampleMail({ recipient: { name: "Ada", address: "ada@example.com" } });
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (name) => {
      const mail = compose({ ...REQUEST, recipient: { name, address: "ada@example.com" } });
      expect(tags(mail.html)).toEqual(tags(plain.html));
      expect(mail.text.split(/\r|\n|\u2028|\u2029/)).toHaveLength(plain.text.split("\n").length);
    }),
  );
});
