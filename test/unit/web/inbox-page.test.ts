import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { hashToken } from "../../../src/access/token.ts";
import { createInboxPages, type InboxPage, type InboxSignIn } from "../../../src/web/inbox-page.ts";
import { mailWith, memoryInbox, type MailChanges } from "../../mail/memory-inbox.ts";

const PEER = { address: "127.0.0.1" };
const RECEIVED_MS = Date.UTC(2026, 10, 22, 21, 5, 3, 123);

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly peer?: string;
}

/** Mails in the order in which they came. */
async function inboxOf(mails: readonly MailChanges[], signIn?: InboxSignIn) {
  const inbox = memoryInbox(() => RECEIVED_MS);
  for (const [index, changes] of mails.entries()) await inbox.keep(mailWith({ id: `d${index}`, ...changes }));
  const pages = createInboxPages({ inbox, ...(signIn !== undefined && { signIn }) });
  const ask = (path: string, { headers, peer, ...rest }: Asked = {}) => {
    const page = pages.get(path.split("?", 1)[0] ?? "") as InboxPage;
    const request = new Request(`http://localhost${path}`, {
      headers: { host: "localhost:8080", ...headers },
      ...rest,
    });
    return page(request, peer === undefined ? PEER : { address: peer });
  };
  const text = async (path: string, asked?: Asked) => (await ask(path, asked)).text();
  return { inbox, pages, ask, text };
}

async function seen(response: Response) {
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text: await response.text(),
  };
}

describe("the list", () => {
  test("shows each mail's address, time, subject, code and link, newest first", async () => {
    const { ask } = await inboxOf([{ to: "grace@example.com", code: "93XPLA" }, {}]);
    const { status, headers, text } = await seen(await ask("/inbox"));
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(text).toContain("Nothing here was sent to anybody");
    for (const part of [
      'To ada@example.com · <time datetime="2026-11-22T21:05:03.123Z">2026-11-22 21:05:03 UTC</time>',
      '<a href="/inbox/mail?id=d1">Verify your email address</a>',
      '<span class="code">K7QX2M</span>',
      'data-copy="K7QX2M"',
      '<a href="http://127.0.0.1:8080/verify?code=K7QX2M&amp;userId=1" target="_blank" rel="noopener noreferrer">',
    ]) {
      expect(text).toContain(part);
    }
    expect(text.indexOf("grace@")).toBeGreaterThan(text.indexOf("ada@"));
  });

  test("says so when there is nothing to show", async () => {
    const { text } = await inboxOf([]);
    expect(await text("/inbox")).toContain("No mails yet");
    expect(await text("/inbox?search=ada@example.com")).toContain("No mails to ada@example.com");
    expect(await text("/inbox?before=d9")).toContain("No older mails");
  });

  test.each([
    ["", ["d3", "d2", "d1", "d0"]],
    ["?limit=", ["d3", "d2", "d1", "d0"]],
    ["?limit=3", ["d3", "d2", "d1"]],
    ["?before=d2", ["d1", "d0"]],
    ["?search=EXAMPLE.com", ["d3", "d1", "d0"]],
    ["?search=%20ada&limit=1", ["d1"]],
    ["?to=ADA%2B1@example.com", ["d1"]],
    ["?to=ada", []],
    ["?to=", ["d3", "d2", "d1", "d0"]],
  ])("%s", async (search, ids) => {
    const addresses = ["ada@example.com", "ada+1@example.com", "linus@kernel.example", "grace@example.com"];
    const { text } = await inboxOf(addresses.map((to) => ({ to })));
    const shown = [...(await text(`/inbox${search}`)).matchAll(/data-id="(\w+)"/g)].map(([, id]) => id);
    expect(shown).toEqual(ids);
  });

  test("goes on to older mails, and back", async () => {
    const { text } = await inboxOf(Array.from({ length: 51 }, () => ({})));
    const first = await text("/inbox?search=ada");
    expect(first).toContain('<a href="/inbox?search=ada&amp;before=d1">Older mails</a>');
    expect(first).not.toContain("Newest mails");
    const second = await text("/inbox?search=ada&before=d1");
    expect(second).toContain('<a href="/inbox?search=ada">Newest mails</a>');
    expect(second).not.toContain("Older mails");
  });

  test.each(["0", "101", "-1", "1.5", "ten", "1e1", "0x10", "9999"])("limit=%s is refused", async (limit) => {
    const { ask } = await inboxOf([]);
    expect((await ask(`/inbox?limit=${limit}`)).status).toBe(400);
  });
});

describe("a mail's page", () => {
  test("shows its parts, one at a time", async () => {
    const { text } = await inboxOf([{ text: "the <text>", html: "<!doctype html><p>the html" }]);
    const html = await text("/inbox/mail?id=d0");
    expect(html).toContain(
      '<iframe src="/inbox/mail/html?id=d0" sandbox="allow-popups allow-popups-to-escape-sandbox"',
    );
    expect(html).not.toContain("the html");
    expect(await text("/inbox/mail?id=d0&view=text")).toContain("the &lt;text&gt;</pre>");
    const source = await text("/inbox/mail?id=d0&view=source");
    expect(source).toContain("Message-ID: &lt;d0@localhost&gt;");
    expect(source).toContain('<a href="/inbox/mail/source?id=d0" download>');
    expect(await text("/inbox/mail?id=d0&view=<script>")).toContain("<iframe");
  });

  test("has its source as a file", async () => {
    const { ask } = await inboxOf([{ id: 'a"/../b' }]);
    const { headers, text } = await seen(await ask(`/inbox/mail/source?id=${encodeURIComponent('a"/../b')}`));
    expect(headers).toMatchObject({
      "content-type": "message/rfc822",
      "content-disposition": 'attachment; filename="mail-ab.eml"',
      "x-content-type-options": "nosniff",
    });
    expect(text).toMatch(/^From: Countersign <no-reply@localhost>\r\n/);
  });

  test.each(["/inbox/mail", "/inbox/mail/html", "/inbox/mail/source"])(
    "%s of no mail is 404",
    async (path) => {
      const { ask } = await inboxOf([{}]);
      expect((await ask(`${path}?id=unknown`)).status).toBe(404);
      expect((await ask(path)).status).toBe(404);
    },
  );

  test.each([
    ["<!doctype html><html><p>x", '<!doctype html><base target="_blank"><html><p>x'],
    ['\n <!DOCTYPE html PUBLIC "x"><p>', '\n <!DOCTYPE html PUBLIC "x"><base target="_blank"><p>'],
    ["<p>", '<base target="_blank"><p>'],
    ["", '<base target="_blank">'],
  ])("the frame opens links of %j in windows of their own", async (html, framed) => {
    const { text } = await inboxOf([{ html }]);
    expect(await text("/inbox/mail/html?id=d0")).toBe(framed);
  });
});

describe("no page", () => {
  test("may be stored, framed or read from elsewhere, or run anything but its script", async () => {
    const { ask } = await inboxOf([{}]);
    for (const path of ["/inbox", "/inbox/mail?id=d0"]) {
      const { headers, text } = await seen(await ask(path));
      const styles = [...text.matchAll(/<style>([^]*?)<\/style>/g)].map(
        ([, style = ""]) => `'sha256-${createHash("sha256").update(style).digest("base64")}'`,
      );
      expect(styles).toHaveLength(2);
      expect(headers).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy":
          `default-src 'none'; style-src ${styles.join(" ")}; script-src 'self'; connect-src 'self'; ` +
          `${path === "/inbox" ? "" : "frame-src 'self'; "}form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-resource-policy": "same-origin",
      });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
      const scripts = text.match(/<script[^]*?<\/script>/g);
      expect(scripts).toEqual(['<script src="/inbox/inbox.js" defer></script>']);
      expect(text).not.toMatch(/<link|<img|\bstyle="|\son\w+=/i);
    }
  });

  test("but the frame may show a mail's HTML, and there nothing runs or loads", async () => {
    const { ask } = await inboxOf([{}]);
    const { headers } = await seen(await ask("/inbox/mail/html?id=d0"));
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    });
    const script = await seen(await ask("/inbox/inbox.js"));
    expect(script.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(script.headers["content-security-policy"]).toContain("sandbox");
  });

  test("links to anything but web pages", async () => {
    const { text } = await inboxOf([{ link: "javascript:alert(1)" }]);
    for (const path of ["/inbox", "/inbox/mail?id=d0"]) {
      const html = await text(path);
      expect(html).not.toContain('href="javascript');
      expect(html).toContain("javascript:alert(1)");
    }
  });

  test("loses its structure, whatever stands in a mail", async () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"><script>', "'", "&lt;", "</pre>", "<!--", "\0"),
    );
    const paths = ["/inbox?search=", "/inbox/mail?id=d0", "/inbox/mail?id=d0&view=text"];
    const structures = async (changes: MailChanges, search: string) => {
      const { text } = await inboxOf([changes]);
      const pages = await Promise.all(paths.map((path) => text(path)));
      return [...pages, await text(`/inbox?to=ada@example.com&search=${encodeURIComponent(search)}`)].map(
        tags,
      );
    };
    const plain = await structures({}, "nobody");
    await fc.assert(
      fc.asyncProperty(texts, async (hostile) => {
        const link = `http://x/${hostile}`;
        const changes = { subject: hostile, text: `${hostile} ${link}`, code: `${hostile}x`, link };
        expect(await structures(changes, `nobody ${hostile.toWellFormed()}`)).toEqual(plain);
      }),
    );
  });
});

/** The names of the tags, and of their attributes. */
function tags(html: string): string[] {
  return (html.match(/<[^>]*>/g) ?? []).map((tag) => tag.replace(/"[^"]*"/g, '""'));
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
    const { ask } = await inboxOf([{}]);
    const { headers, text } = await seen(await ask(path, { headers: { accept } }));
    expect(headers["content-type"]).toBe(
      isJson ? "application/json; charset=utf-8" : "text/html; charset=utf-8",
    );
    if (!isJson) return;
    expect(JSON.parse(text)).toEqual({
      mails: [
        {
          deliveryId: "d0",
          receivedAt: "2026-11-22T21:05:03.123Z",
          from: "Countersign <no-reply@localhost>",
          to: "ada@example.com",
          subject: "Verify your email address",
          text: expect.stringContaining("K7QX2M"),
          html: "<!doctype html><p>K7QX2M</p>",
          code: "K7QX2M",
          link: "http://127.0.0.1:8080/verify?code=K7QX2M&userId=1",
        },
      ],
    });
  });

  test("tells problems as JSON too, under the headers of pages", async () => {
    const { ask } = await inboxOf([]);
    const { status, headers, text } = await seen(
      await ask("/inbox?format=json&limit=0", { headers: { origin: "http://localhost:8080" } }),
    );
    expect(status).toBe(400);
    expect(JSON.parse(text)).toEqual({ error: expect.stringContaining("limit") });
    expect(headers).toMatchObject({ "cache-control": "no-store", "x-content-type-options": "nosniff" });
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("news", () => {
  async function isNews(asked: Promise<Response>) {
    return ((await (await asked).json()) as { changed: boolean }).changed;
  }

  test("are there when a mail came that fits and is newer", async () => {
    const { ask, inbox } = await inboxOf([{}]);
    const wait = ask("/inbox/news?after=d0&search=ada");
    await inbox.keep(mailWith({ id: "other", to: "grace@example.com" }));
    await inbox.keep(mailWith({ id: "next" }));
    expect(await isNews(wait)).toBe(true);
    expect(await isNews(ask("/inbox/news?after=d0"))).toBe(true);
    expect(await isNews(ask("/inbox/news"))).toBe(true);
  });

  test("are there when the list shows a mail that is gone", async () => {
    const { ask } = await inboxOf([]);
    expect(await isNews(ask("/inbox/news?after=gone"))).toBe(true);
  });

  test("are not waited for when the client is gone, or the server about to", async () => {
    const { ask, inbox } = await inboxOf([]);
    const controller = new AbortController();
    const gone = ask("/inbox/news", { signal: controller.signal });
    const stopped = ask("/inbox/news");
    while (inbox.waiting < 2) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect((await gone).status).toBe(200);
    expect(inbox.waiting).toBe(1);
    inbox.close();
    expect((await stopped).status).toBe(503);
  });
});

test("HEAD has the headers alone, other methods are refused", async () => {
  const { ask } = await inboxOf([{}]);
  const head = await seen(await ask("/inbox", { method: "HEAD" }));
  expect(head).toMatchObject({ status: 200, text: "" });
  expect(head.headers["content-type"]).toBe("text/html; charset=utf-8");
  for (const path of ["/inbox", "/inbox/mail?id=d0", "/inbox/mail/html?id=d0", "/inbox/inbox.js"]) {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const response = await ask(path, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get("allow")).toBe("GET, HEAD");
    }
  }
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
    const { ask } = await inboxOf([]);
    expect((await ask("/inbox", { headers: { host } })).status).toBe(200);
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
    const { ask, pages } = await inboxOf([{}]);
    const { status, text } = await seen(await ask("/inbox", { headers: { host } }));
    expect(status).toBe(403);
    expect(text).toContain("http://localhost");
    for (const path of pages.keys()) {
      const answer = await seen(await ask(`${path}?id=d0&format=json`, { headers: { host } }));
      expect(answer.status).toBe(403);
      expect(answer.text).not.toContain("K7QX2M");
    }
  });

  test("there is nothing to sign in to", async () => {
    const { pages } = await inboxOf([]);
    expect([...pages.keys()].filter((path) => path.includes("sign"))).toEqual([]);
  });

  test.each<[name: string, headers: Record<string, string>, status: number]>([
    ["a link that was followed", fetchMetadata("cross-site", "navigate", "document"), 200],
    ["the address bar", fetchMetadata("none", "navigate", "document"), 200],
    ["the inbox's own script", fetchMetadata("same-origin", "cors", "empty"), 200],
    ["another site's frame", fetchMetadata("cross-site", "navigate", "iframe"), 403],
    ["another site's script", fetchMetadata("cross-site", "cors", "empty"), 403],
    ["another site's script element", fetchMetadata("cross-site", "no-cors", "script"), 403],
    ["another port's script", fetchMetadata("same-site", "cors", "empty"), 403],
    ["an older browser's script elsewhere", { origin: "https://evil.example" }, 403],
    ["an older browser's script here", { origin: "http://localhost:8080" }, 200],
  ])("%s is answered with its due", async (_name, headers, status) => {
    const { ask, pages } = await inboxOf([{}]);
    for (const path of pages.keys()) {
      const { status: answered, text } = await seen(await ask(`${path}?id=d0`, { headers }));
      expect([path, answered]).toEqual([path, status]);
      if (status === 403) expect(text).not.toContain("K7QX2M");
    }
  });
});

function fetchMetadata(site: string, mode: string, dest: string): Record<string, string> {
  return { "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest };
}

describe("with a token", () => {
  const TOKEN = "cs_a-token-of-32-characters-or-more";
  const FORM = { "content-type": "application/x-www-form-urlencoded" };
  const HOUR_MS = 3_600_000;

  async function closedInbox(changes: Partial<InboxSignIn> = {}) {
    const clock = { nowMs: RECEIVED_MS };
    const tokens = new Set([hashToken(TOKEN)]);
    const opened = await inboxOf([{}], {
      nowMs: () => clock.nowMs,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      isSecure: false,
      isAdminToken: (hash) => Promise.resolve(tokens.has(hash)),
      ...changes,
    });
    const signIn = (token: string, asked: Asked & { readonly next?: string } = {}) =>
      opened.ask("/inbox/sign-in", {
        method: "POST",
        body: new URLSearchParams({
          token,
          ...(asked.next !== undefined && { next: asked.next }),
        }).toString(),
        ...(asked.peer !== undefined && { peer: asked.peer }),
        headers: { ...FORM, ...asked.headers },
      });
    const session = async () => cookieOf(await signIn(TOKEN));
    const statusWith = async (cookie: string, path = "/inbox") =>
      (await opened.ask(path, { headers: { cookie } })).status;
    return { ...opened, clock, tokens, signIn, session, statusWith };
  }

  function cookieOf(response: Response): string {
    return (response.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  }

  test("it opens as a header, whatever the host", async () => {
    const { ask } = await closedInbox();
    const headers = { host: "mail.example.com", authorization: `bEaReR ${TOKEN}` };
    const { status, text } = await seen(await ask("/inbox", { headers }));
    expect(status).toBe(200);
    expect(text).toContain("K7QX2M");
    expect(text).not.toContain("Sign out");
  });

  test.each<Record<string, string>>([
    {},
    { authorization: "Bearer wrong" },
    { cookie: "countersign-inbox=wrong" },
    { cookie: "countersign-inbox=" },
  ])("%j does not open, not even from loopback", async (headers) => {
    const { ask, pages } = await closedInbox();
    for (const path of pages.keys()) {
      if (path.includes("sign")) continue;
      const { status, headers: sent, text } = await seen(await ask(`${path}?id=d0`, { headers }));
      expect(status).toBe(401);
      expect(sent["www-authenticate"]).toMatch(/^Bearer\b/);
      expect(text).not.toContain("K7QX2M");
    }
  });

  test("a browser is shown a form, which leads back to where it was", async () => {
    const { ask, text, signIn, session, statusWith } = await closedInbox();
    const form = await text("/inbox/mail?id=d0&view=text");
    expect(form).toContain('<form method="post" action="/inbox/sign-in">');
    expect(form).toContain('name="next" value="/inbox/mail?id=d0&amp;view=text"');
    expect(JSON.parse(await text("/inbox?format=json"))).toEqual({ error: expect.stringContaining("token") });
    const signedIn = await seen(await signIn(` ${TOKEN}\n`, { next: "/inbox/mail?id=d0&view=text" }));
    expect(signedIn).toMatchObject({ status: 303, headers: { location: "/inbox/mail?id=d0&view=text" } });
    expect(signedIn.headers["set-cookie"]).toMatch(
      /^countersign-inbox=[\w-]{43}; Path=\/inbox; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    const cookie = await session();
    const list = await seen(await ask("/inbox", { headers: { cookie: `other=1; ${cookie}` } }));
    expect(list.text).toContain("Sign out");
    expect(await statusWith(cookie, "/inbox/mail/html?id=d0")).toBe(200);
    expect(await statusWith(`x${cookie}`)).toBe(401);
  });

  test("the cookie is for TLS alone where there is TLS", async () => {
    const { session, signIn, statusWith } = await closedInbox({ isSecure: true });
    expect((await signIn(TOKEN)).headers.get("set-cookie")).toMatch(/^__Secure-.*; Secure$/);
    expect(await statusWith(await session())).toBe(200);
  });

  test.each([
    "https://evil.example/",
    "//evil.example/inbox",
    "/inbox/../verify",
    "/inbox?x\r\nset-cookie: a=b",
    "/inbox\\evil",
    "/inbox/sign-out",
    "",
  ])("to %j nobody is led", async (next) => {
    const { signIn } = await closedInbox();
    expect((await signIn(TOKEN, { next })).headers.get("location")).toBe("/inbox");
  });

  test("a session ends when it is not used, when it is old, with the token and by signing out", async () => {
    const { ask, clock, session, statusWith, tokens } = await closedInbox();
    const idle = await session();
    clock.nowMs += HOUR_MS - 1;
    const used = await session();
    expect(await statusWith(idle)).toBe(200);
    clock.nowMs += HOUR_MS;
    expect(await statusWith(idle)).toBe(401);
    expect(await statusWith(used)).toBe(401);

    const old = await session();
    for (let minutes = 0; minutes < 12 * 60 - 30; minutes += 30) {
      clock.nowMs += HOUR_MS / 2;
      expect(await statusWith(old)).toBe(200);
    }
    clock.nowMs += HOUR_MS / 2;
    expect(await statusWith(old)).toBe(401);

    const [left, stays] = [await session(), await session()];
    const out = await ask("/inbox/sign-out", { method: "POST", headers: { ...FORM, cookie: left } });
    expect(out.status).toBe(303);
    expect(out.headers.get("set-cookie")).toContain("countersign-inbox=; Path=/inbox; Max-Age=0");
    expect([await statusWith(left), await statusWith(stays)]).toEqual([401, 200]);
    tokens.clear();
    expect(await statusWith(stays)).toBe(401);
  });

  test("a hundred sessions at a time, the oldest makes room", async () => {
    const { session, statusWith } = await closedInbox();
    const cookies: string[] = [];
    for (let count = 0; count < 101; count += 1) cookies.push(await session());
    expect(await statusWith(cookies[0] ?? "")).toBe(401);
    expect(await statusWith(cookies[1] ?? "")).toBe(200);
    expect(await statusWith(cookies[100] ?? "")).toBe(200);
  });

  test("after ten wrong tokens a network waits, others do not", async () => {
    const { clock, signIn } = await closedInbox();
    const from = async (peer: string, token = "wrong") => (await signIn(token, { peer })).status;
    for (let count = 0; count < 10; count += 1) expect(await from(`2001:db8::${count}`)).toBe(403);
    const refused = await signIn(TOKEN, { peer: "2001:db8::ff" });
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("300");
    expect(refused.headers.get("set-cookie")).toBeNull();
    expect(await from("2001:db8:1::1", TOKEN)).toBe(303);
    clock.nowMs += 5 * 60_000;
    expect(await from("2001:db8::1", TOKEN)).toBe(303);
    expect(await from("2001:db8::1")).toBe(403);
  });

  test.each<[name: string, asked: Asked, status: number]>([
    ["another site's form", { headers: { ...FORM, "sec-fetch-site": "cross-site" } }, 403],
    ["another port's form", { headers: { ...FORM, "sec-fetch-site": "same-site" } }, 403],
    ["another origin's form", { headers: { ...FORM, origin: "https://evil.example" } }, 403],
    ["JSON", { headers: { "content-type": "application/json" } }, 415],
    ["another verb", { method: "PUT", headers: FORM }, 405],
  ])("%s is not taken", async (_name, asked, status) => {
    const { ask } = await closedInbox();
    for (const path of ["/inbox/sign-in", "/inbox/sign-out"]) {
      const body = new URLSearchParams({ token: TOKEN }).toString();
      const response = await ask(path, { method: "POST", body, ...asked });
      expect(response.status).toBe(status);
      expect(response.headers.get("set-cookie")).toBeNull();
    }
  });

  test("who comes back to the form's address is led to the inbox", async () => {
    const { ask } = await closedInbox();
    for (const path of ["/inbox/sign-in", "/inbox/sign-out"]) {
      expect((await ask(path)).headers.get("location")).toBe("/inbox");
    }
  });
});
