import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createVerifyPage, type VerifyOutcome } from "../../../src/web/verify-page.ts";

const ORIGIN = "https://verify.example.com";

function pageThat(outcome: VerifyOutcome) {
  const calls: string[][] = [];
  const page = createVerifyPage({
    verify: (userId, code, peerAddress) => {
      calls.push([userId, code, peerAddress]);
      return Promise.resolve(outcome);
    },
  });
  const send = async (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "verify.example.com");
    const response = await page(new Request(`${ORIGIN}${path}`, { ...init, headers }), {
      address: "192.0.2.1",
    });
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

const FIELDS = { userId: "312", code: "K7QX2M" };

describe("opening the link", () => {
  test("shows a form with the code filled in, and changes nothing", async () => {
    const { open, calls } = pageThat("verified");
    const { status, text } = await open("/verify?code=K7QX2M&orgId=1&userId=312");
    expect(status).toBe(200);
    expect(text).toContain('<form method="post" action="/verify">');
    expect(text).toContain('<input type="hidden" name="userId" value="312">');
    expect(text).toMatch(/<input [^>]*name="code" value="K7QX2M" [^>]*autocomplete="one-time-code"/);
    expect(text).toContain("<button");
    expect(text).not.toContain("<script");
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
        /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'$/,
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
    expect(text).toContain("try again");
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
