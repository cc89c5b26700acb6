import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createHash } from "node:crypto";
import { escapeHtml } from "../../../../src/web/html.ts";
import { accentStyle, MAX_LOGO_BYTES, type Branding } from "../../../../src/web/verify/branding.ts";
import { pageLocale } from "../../../../src/web/verify/page-locales.ts";
import {
  createVerifyPages,
  type VerifyOutcome,
  type VerifyPageOptions,
} from "../../../../src/web/verify/verify-page.ts";

const ORIGIN = "https://verify.example.com";

function pageThat(outcome: VerifyOutcome, options: Partial<VerifyPageOptions> = {}) {
  const calls: string[][] = [];
  const pages = createVerifyPages({
    chooseLanguage: (header) => header,
    verify: (userId, code, peerAddress) => {
      calls.push([userId, code, peerAddress]);
      return Promise.resolve(outcome);
    },
    ...options,
  });
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "verify.example.com");
    const request = new Request(`${ORIGIN}${path}`, { ...init, headers });
    const page = pages.get(new URL(request.url).pathname);
    if (page === undefined) throw new Error(`no page at ${path}`);
    const response = await page(request, { address: "192.0.2.1" });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      text: await response.text(),
    };
  };
  const open = (path: string, method = "GET") => send(path, { method });
  const post = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
    send("/verify", { method: "POST", body: new URLSearchParams(fields), headers });
  return { calls, open, post, send };
}

/** WCAG 2.2. */
function contrastRatio(one: string, other: string): number {
  const luminance = (color: string) => {
    const linear = (share: number) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
    const [r = 0, g = 0, b = 0] = Array.from(Buffer.from(color.slice(1), "hex"), (byte) =>
      linear(byte / 255),
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const FIELDS = { userId: "312", code: "K7QX2M" };

describe("opening the link", () => {
  test("shows a form with the code filled in, and changes nothing", async () => {
    const { open, calls } = pageThat("verified");
    const { status, text } = await open("/verify?code=K7QX2M&orgId=1&userId=312");
    expect(status).toBe(200);
    expect(text).toContain('<form id="form" method="post" action="/verify">');
    expect(text).toContain('<input type="hidden" id="user" name="userId" value="312">');
    expect(text).toMatch(/<input [^>]*name="code" value="K7QX2M" [^>]*autocomplete="one-time-code"/);
    expect(text).toContain("<button");
    expect(text).not.toMatch(/<script(?! src="\/verify\/page\.js\?v=[\w-]{16}" defer><\/script>)/);
    expect(calls).toEqual([]);
  });

  test("without a code leaves the field open", async () => {
    const { status, text } = await pageThat("verified").open("/verify?userId=312");
    expect(status).toBe(200);
    expect(text).toMatch(/name="code" value=""/);
  });

  test.each(["/verify", "/verify?code=K7QX2M", "/verify?userId=&code=K7QX2M", "/verify?userId=%20"])(
    "%s is told to be incomplete",
    async (path) => {
      const { status, text } = await pageThat("verified").open(path);
      expect(status).toBe(400);
      expect(text).toContain("This link is incomplete");
    },
  );

  test("names no address, and shows no state but the first", async () => {
    const { text } = await pageThat("verified").open("/verify?code=K7QX2M&orgId=1&userId=ada@example.com");
    expect(text.replace(/<input type="hidden"[^>]*>/g, "")).not.toContain("ada@example.com");
    for (const state of ["done", "refused", "missingCode", "offline", "unavailable"]) {
      expect(text).toMatch(new RegExp(`<div[^>]*\\bid="${state}" hidden>`));
    }
    expect(text).toContain('<p id="lead">The code from your email is filled in');
  });

  test("HEAD gets the headers alone", async () => {
    const { open, calls } = pageThat("verified");
    expect(await open("/verify?userId=312&code=K7QX2M", "HEAD")).toMatchObject({ status: 200, text: "" });
    expect(calls).toEqual([]);
  });

  test("may be stored, framed, run and loaded into from nowhere", async () => {
    const { headers } = await pageThat("verified").open("/verify?userId=312&code=K7QX2M");
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy": expect.stringMatching(
        /^default-src 'none'; style-src( 'sha256-[^']+'){2}; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
      ),
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
  });
});

describe("pressing the button", () => {
  test("verifies, and says so at every repeat", async () => {
    const { post, calls } = pageThat("verified");
    for (let n = 0; n < 2; n++) {
      const { status, text } = await post(FIELDS);
      expect(status).toBe(200);
      expect(text).toContain("Email address verified");
      expect(text).not.toContain("<form");
    }
    expect(calls).toEqual([
      ["312", "K7QX2M", "192.0.2.1"],
      ["312", "K7QX2M", "192.0.2.1"],
    ]);
  });

  test("takes a code with blanks around it, as people paste it", async () => {
    const { post, calls } = pageThat("verified");
    await post({ userId: "312", code: " K7QX2M\n" });
    expect(calls).toEqual([["312", "K7QX2M", "192.0.2.1"]]);
  });

  test("with a refused code shows a way on", async () => {
    const { status, text } = await pageThat("refused").post(FIELDS);
    expect(status).toBe(400);
    expect(text).toContain("ask the app that sent you the email for a new code");
    expect(text).toMatch(/name="code" value="K7QX2M"/);
    expect(text).toContain('name="userId" value="312"');
  });

  test("while the service is away asks for a second try", async () => {
    const { status, text, headers } = await pageThat("unavailable").post(FIELDS);
    expect(status).toBe(503);
    expect(headers["retry-after"]).toBe("5");
    expect(text).toContain("press the button again");
    expect(text).toMatch(/name="code" value="K7QX2M"/);
  });

  test("without user or code does not ask the service", async () => {
    const { post, calls } = pageThat("verified");
    expect((await post({ code: "K7QX2M" })).status).toBe(400);
    expect(await post({ userId: "312", code: " " })).toMatchObject({
      status: 400,
      text: expect.stringContaining("Type the code"),
    });
    expect(calls).toEqual([]);
  });

  test("only in the form's own format", async () => {
    const { send, calls } = pageThat("verified");
    for (const type of ["application/json", "text/plain", "multipart/form-data; boundary=x"]) {
      const init = { method: "POST", body: "userId=312&code=K7QX2M", headers: { "content-type": type } };
      expect((await send("/verify", init)).status).toBe(415);
    }
    expect(calls).toEqual([]);
  });

  test.each(["PUT", "DELETE", "PATCH", "OPTIONS"])("%s is refused", async (method) => {
    const { open, calls } = pageThat("verified");
    const { status, headers } = await open("/verify?userId=312&code=K7QX2M", method);
    expect(status).toBe(405);
    expect(headers["allow"]).toBe("GET, HEAD, POST");
    expect(calls).toEqual([]);
  });
});

describe("who may press it", () => {
  test.each([
    ["nothing said, as curl and old browsers", {}],
    ["the page itself", { "sec-fetch-site": "same-origin", origin: ORIGIN }],
    [
      "the page itself, whose referrer policy hides the origin",
      { "sec-fetch-site": "same-origin", origin: "null" },
    ],
    [
      "the page behind a proxy that changes Host",
      { "sec-fetch-site": "same-origin", origin: ORIGIN, host: "10.0.0.7:8080" },
    ],
    ["a person", { "sec-fetch-site": "none" }],
    ["the page itself, without fetch metadata", { origin: ORIGIN }],
    ["the page itself, without fetch metadata, hiding the origin", { origin: "null" }],
    ["the page behind a proxy that ends TLS", { origin: "http://verify.example.com" }],
  ])("%s may", async (_, headers) => {
    const { post, calls } = pageThat("verified");
    expect((await post(FIELDS, headers as Record<string, string>)).status).toBe(200);
    expect(calls).toHaveLength(1);
  });

  test.each([
    ["another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["another site that hides itself", { "sec-fetch-site": "cross-site", origin: "null" }],
    ["a neighbour", { "sec-fetch-site": "same-site", origin: "https://evil.example.com" }],
    ["another site that copies the origin", { "sec-fetch-site": "cross-site", origin: ORIGIN }],
    ["another site, without fetch metadata", { origin: "https://evil.example" }],
    ["another port, without fetch metadata", { origin: "https://verify.example.com:8443" }],
    ["nonsense", { origin: "nonsense" }],
  ])("%s may not", async (_, headers) => {
    const { post, calls } = pageThat("verified");
    expect((await post(FIELDS, headers)).status).toBe(403);
    expect(calls).toEqual([]);
  });
});

describe("in the reader's language", () => {
  test.each(["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "zh"])("%s", async (language) => {
    const { texts, htmlLang } = pageLocale(language);
    const { open, send } = pageThat("refused");
    for (const { text } of [
      await send("/verify?userId=312&code=K7QX2M", { headers: { "accept-language": language } }),
      await send("/verify", {
        method: "POST",
        body: new URLSearchParams(FIELDS),
        headers: { "accept-language": language },
      }),
    ]) {
      expect(text).toContain(`<html lang="${htmlLang}">`);
      const words = text.replace(/<span class="whole">(.*?)<\/span>/g, "$1");
      expect(words).toContain(`>${escapeHtml(texts.button)}<`);
      expect(words).toContain(escapeHtml(texts.refusedNext));
    }
    // What is missing in the address is missing in every language.
    expect((await open("/verify")).status).toBe(400);
  });
});

describe("where the link leads on", () => {
  const next = "https://app.example.com/welcome?from=mail";
  const link = `/verify?userId=312&code=K7QX2M&continue=${encodeURIComponent(next)}`;

  test("is offered after success to hosts on the list", async () => {
    const { open, post } = pageThat("verified", { redirectHosts: ["app.example.com"] });
    const { text } = await open(link);
    expect(text).toContain(`<input type="hidden" name="continue" value="${next}">`);
    const done = await post({ ...FIELDS, continue: next });
    expect(done.text).toContain(`href="${next}" rel="noreferrer">Continue to app.example.com</a>`);
    expect(done.text).not.toMatch(/http-equiv/i);
    expect(done.headers).not.toHaveProperty("refresh");
    expect(done.headers).not.toHaveProperty("location");
  });

  test("is nowhere without a list", async () => {
    const { open, post } = pageThat("verified");
    expect((await open(link)).text).not.toContain("app.example.com");
    expect((await post({ ...FIELDS, continue: next })).text).not.toContain("app.example.com");
  });
});

describe("an organization's looks", () => {
  const logo = { mediaType: "image/png", bytes: new Uint8Array([1, 2, 3]) } as const;
  const pageOf = (branding: Branding) => {
    const asked: string[] = [];
    const brandingOf = (organizationId: string) => {
      asked.push(organizationId);
      return Promise.resolve(branding);
    };
    return { asked, ...pageThat("verified", { brandingOf }) };
  };

  test("stand on the page of its links", async () => {
    const { open, asked } = pageOf({ name: "Ada & Sons", logo, accentColor: "#FFD700" });
    const { text, headers } = await open("/verify?userId=312&code=K7QX2M&orgId=77");
    expect(asked).toEqual(["77"]);
    expect(text).toContain("<title>Verify your email address - Ada &amp; Sons</title>");
    expect(text).toContain(
      '<p class="brand"><img src="data:image/png;base64,AQID" alt="">Ada &amp; Sons</p>',
    );
    expect(text).toContain(":root { --accent: #FFD700; --on-accent: #000000; }");
    const [, style = ""] = text.match(/<style>([^<]*--accent: #FFD700[^<]*)<\/style>/) ?? [];
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers["content-security-policy"]).toContain(`'sha256-${hash}'`);
  });

  test.each([
    ["a colour that is none", { accentColor: "red; } body { display: none" }],
    ["a short colour", { accentColor: "#fff" }],
    ["a logo that is too large", { logo: { ...logo, bytes: new Uint8Array(MAX_LOGO_BYTES + 1) } }],
  ])("%s is left out", async (_row, branding) => {
    const plain = (await pageThat("verified").open("/verify?userId=312&code=K7QX2M")).text;
    expect((await pageOf(branding).open("/verify?userId=312&code=K7QX2M")).text).toBe(plain);
  });

  test("letters can be read on any button", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const accentColor = `#${number.toString(16).padStart(6, "0")}`;
        const [, ink = ""] = /--on-accent: (#\w{6})/.exec(accentStyle({ accentColor })) ?? [];
        expect(contrastRatio(accentColor, ink)).toBeGreaterThanOrEqual(4.5);
      }),
    );
  });
});

describe("what the page loads", () => {
  test("may be kept for good under the address that the page names", async () => {
    const { open, send } = pageThat("verified");
    const { text } = await open("/verify?userId=312");
    const urls = [...text.matchAll(/(?:src|href)="(\/verify\/[^"]*)"/g)].map(([, url = ""]) => url);
    expect(urls).toEqual([
      expect.stringMatching(/^\/verify\/icon\.svg\?v=/),
      expect.stringMatching(/^\/verify\/page\.js\?v=/),
    ]);
    for (const url of urls) {
      const plain = await open(url);
      expect(plain.status).toBe(200);
      expect(plain.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
      expect(plain.headers["x-content-type-options"]).toBe("nosniff");
      expect(plain.headers["content-encoding"]).toBeUndefined();
      expect((await open(url.replace(/v=.*/, "v=old"))).headers["cache-control"]).toBe("no-cache");
      expect((await open(url, "POST")).status).toBe(405);
      const packed = await send(url, { headers: { "accept-encoding": "br, gzip;q=0.8" } });
      expect(packed.headers["content-encoding"]).toBe("gzip");
      const refused = await send(url, { headers: { "accept-encoding": "gzip;q=0, br" } });
      expect(refused.text).toBe(plain.text);
    }
  });
});

test("no page changes its structure, whatever user and code are", async () => {
  const tags = (text: string) => text.match(/<[^>]*>/g)?.map((tag) => tag.replace(/"[^"]*"/g, '""'));
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom('"><script>', "'", "</form>", "<!--", "&quot;", "\0"),
  );
  const refusing = pageThat("refused");
  const plain = {
    open: tags((await refusing.open("/verify?userId=1&code=2")).text),
    post: tags((await refusing.post(FIELDS)).text),
  };
  await fc.assert(
    fc.asyncProperty(text, text, async (a, b) => {
      // Never blank, or another page is shown.
      const [userId, code] = [`x${a}`, `y${b}`];
      const query = new URLSearchParams({ userId, code }).toString();
      expect(tags((await refusing.open(`/verify?${query}`)).text)).toEqual(plain.open);
      expect(tags((await refusing.post({ userId, code })).text)).toEqual(plain.post);
    }),
  );
});
