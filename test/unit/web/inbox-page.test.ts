import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { createInboxPage, type InboxMail } from "../../../src/web/inbox-page.ts";

const PEER = { address: "127.0.0.1" };

function mail(changes: Partial<InboxMail> = {}): InboxMail {
  return {
    deliveryId: "d1",
    receivedAt: "2026-11-22T21:05:03.123Z",
    from: "Countersign <no-reply@localhost>",
    to: "ada@example.com",
    subject: "Verify your email address",
    text: "Hello Ada,\n\nK7QX2M\n",
    html: "<p>K7QX2M</p>",
    code: "K7QX2M",
    link: "http://127.0.0.1:8080/verify?code=K7QX2M&userId=1",
    ...changes,
  };
}

type Query = { limit: number; to?: string };

function inboxOf(mails: readonly InboxMail[], requireToken?: (request: Request) => Promise<boolean>) {
  const queries: Query[] = [];
  const page = createInboxPage({
    readInbox: (query) => {
      queries.push(query);
      return Promise.resolve(mails);
    },
    ...(requireToken !== undefined && { requireToken }),
  });
  const get = (path: string, headers: Record<string, string> = {}, method = "GET") =>
    page(
      new Request(`http://localhost${path}`, { method, headers: { host: "localhost:8080", ...headers } }),
      PEER,
    );
  return { get, queries };
}

describe("the page", () => {
  test("shows each mail's address, time, subject, code, link and text, in the order given", async () => {
    const { get } = inboxOf([mail(), mail({ to: "grace@example.com", code: "93XPLA" })]);
    const response = await get("/inbox");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const html = await response.text();
    expect(html).toContain("Dev inbox: mails stay on this machine");
    for (const part of [
      "To ada@example.com",
      '<time datetime="2026-11-22T21:05:03.123Z">2026-11-22 21:05:03 UTC</time>',
      "<h2>Verify your email address</h2>",
      '<p class="code">K7QX2M</p>',
      '<a href="http://127.0.0.1:8080/verify?code=K7QX2M&amp;userId=1" rel="noreferrer">',
      "<pre>Hello Ada,\n\nK7QX2M\n</pre>",
    ]) {
      expect(html).toContain(part);
    }
    expect(html.indexOf("grace@")).toBeGreaterThan(html.indexOf("ada@"));
  });

  test("says so when there is nothing to show", async () => {
    const { get } = inboxOf([]);
    expect(await (await get("/inbox")).text()).toContain("No mails yet");
    expect(await (await get("/inbox?to=ada@example.com")).text()).toContain("No mails to ada@example.com");
  });

  test("may be stored, framed, run, loaded into and read from nowhere", async () => {
    const { headers, ...response } = await responseOf(inboxOf([mail()]).get("/inbox"));
    const style = /<style>([^]*?)<\/style>/.exec(response.text)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "x-frame-options": "DENY",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(response.text).not.toMatch(/<script|<link|<img|\bstyle="|\son\w+=/i);
  });

  test("links to nothing but web pages", async () => {
    const html = await (await inboxOf([mail({ link: "javascript:alert(1)" })]).get("/inbox")).text();
    expect(html).not.toContain('href="javascript');
    expect(html).toContain("javascript:alert(1)");
  });

  test("keeps its structure whatever stands in a mail", async () => {
    const plain = tags(await (await inboxOf([mail()]).get("/inbox?to=x")).text());
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"><script>', "'", "&lt;", "</pre>", "<!--", "\0"),
    );
    await fc.assert(
      fc.asyncProperty(text, async (hostile) => {
        const hostileMail = mail({
          to: hostile,
          subject: hostile,
          text: hostile,
          code: hostile,
          receivedAt: hostile,
          link: `http://x/${hostile}`,
        });
        const html = await (
          await inboxOf([hostileMail]).get(`/inbox?to=${encodeURIComponent(`x${hostile.toWellFormed()}`)}`)
        ).text();
        expect(tags(html)).toEqual(plain);
      }),
    );
  });
});

/** The names of the tags, and of their attributes. */
function tags(html: string): string[] {
  return (html.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'));
}

async function responseOf(promise: Promise<Response>) {
  const response = await promise;
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

describe("JSON", () => {
  test.each([
    ["/inbox?format=json", "text/html", true],
    ["/inbox?format=html", "application/json", false],
    ["/inbox", "application/json", true],
    ["/inbox", "application/json, text/plain, */*", true],
    ["/inbox", "text/html;q=0.5, application/json", true],
    ["/inbox", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false],
    ["/inbox", "text/html, application/json", false],
    ["/inbox", "application/json;q=0", false],
    ["/inbox", "*/*", false],
  ])("%s with Accept: %s: %s", async (path, accept, isJson) => {
    const { headers, text } = await responseOf(inboxOf([mail()]).get(path, { accept }));
    expect(headers["content-type"]).toBe(
      isJson ? "application/json; charset=utf-8" : "text/html; charset=utf-8",
    );
    if (isJson) expect(JSON.parse(text)).toEqual({ mails: [mail()] });
  });

  test("carries the headers of the page, and no CORS", async () => {
    const { headers } = await responseOf(
      inboxOf([]).get("/inbox?format=json", { origin: "https://evil.example" }),
    );
    expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("tells problems as JSON too", async () => {
    const { status, text } = await responseOf(inboxOf([]).get("/inbox?format=json&limit=0"));
    expect(status).toBe(400);
    expect(JSON.parse(text)).toEqual({ error: expect.stringContaining("limit") });
  });
});

describe("the query", () => {
  test.each([
    ["", { limit: 50 }],
    ["?limit=", { limit: 50 }],
    ["?limit=1", { limit: 1 }],
    ["?limit=100", { limit: 100 }],
    ["?to=Ada@example.com", { limit: 50, to: "Ada@example.com" }],
    ["?to=%20ada%2B1@example.com%20&limit=7", { limit: 7, to: "ada+1@example.com" }],
    ["?to=", { limit: 50 }],
  ])("%s", async (search, query) => {
    const { get, queries } = inboxOf([]);
    expect((await get(`/inbox${search}`)).status).toBe(200);
    expect(queries).toEqual([query]);
  });

  test.each(["0", "101", "-1", "1.5", "ten", "1e1", "0x10", "9999"])("limit=%s is refused", async (limit) => {
    const { get, queries } = inboxOf([]);
    expect((await get(`/inbox?limit=${limit}`)).status).toBe(400);
    expect(queries).toEqual([]);
  });

  test("HEAD has the headers alone, other methods are refused", async () => {
    const { get, queries } = inboxOf([mail()]);
    const head = await responseOf(get("/inbox", {}, "HEAD"));
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers["content-type"]).toBe("text/html; charset=utf-8");
    queries.length = 0;
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await get("/inbox", {}, method);
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
    }
    expect(queries).toEqual([]);
  });
});

describe("without a token", () => {
  test.each([
    "localhost",
    "localhost:8080",
    "LOCALHOST:1",
    "inbox.localhost:8080",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.1.2.3",
    "[::1]",
    "[::1]:8080",
  ])("Host: %s is served", async (host) => {
    expect((await inboxOf([]).get("/inbox", { host })).status).toBe(200);
  });

  test.each([
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "notlocalhost",
    "192.168.0.1:8080",
    "0.0.0.0",
    "127.0.0.1.evil.example",
    "evil@localhost",
    "localhost/",
    "[::2]",
    "x y",
    "",
  ])("Host: %s is refused, for its name may have been pointed here", async (host) => {
    const { get, queries } = inboxOf([mail()]);
    const { status, text } = await responseOf(get("/inbox", { host }));
    expect(status).toBe(403);
    expect(text).toContain("http://localhost");
    expect(text).not.toContain("K7QX2M");
    expect((await get("/inbox?format=json", { host })).status).toBe(403);
    expect(queries).toEqual([]);
  });
});

describe("with a token", () => {
  const requireToken = (request: Request) =>
    Promise.resolve(request.headers.get("authorization") === "Bearer right");

  test("the right one opens, whatever the host", async () => {
    const { get } = inboxOf([mail()], requireToken);
    const { status, text } = await responseOf(
      get("/inbox", { host: "mail.example.com", authorization: "Bearer right" }),
    );
    expect(status).toBe(200);
    expect(text).toContain("K7QX2M");
  });

  test.each<Record<string, string>>([{}, { authorization: "Bearer wrong" }])(
    "%j does not, not even from loopback",
    async (headers) => {
      const { get, queries } = inboxOf([mail()], requireToken);
      const response = await get("/inbox", headers);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer\b/);
      expect(queries).toEqual([]);
    },
  );
});
