// Link templates over the wire, good and bad, each with its answer; and the link as it stands in the mail that came.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2 } from "../support/raw-http.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import { formats, rest, textAt, type Answer, type Format, type MethodName } from "../support/wire-formats.ts";

jest.setTimeout(60_000);

let recorder: SmtpRecorder;
/** Any https host. */
let open: TestApplication;
/** Those of a list, and an app. */
let listed: TestApplication;
let users = 0;

beforeAll(async () => {
  recorder = await SmtpRecorder.start();
  const env = { COUNTERSIGN_SMTP_URL: recorder.url };
  open = await startTestApplication({ env });
  listed = await startTestApplication({
    env: { ...env, COUNTERSIGN_URL_TEMPLATE_HOSTS: "ok.example,*.sub.example,b\u00FCcher.example,myapp:" },
  });
});
afterAll(async () => {
  await Promise.all([open.stop(), listed.stop()]);
  await recorder.stop();
});
afterEach(() => {
  expect([...open.takeErrors(), ...listed.takeErrors()]).toEqual([]);
});

async function call(
  to: TestApplication,
  format: Format,
  method: MethodName,
  message: JsonObject,
): Promise<Answer> {
  const request = format.encode(method, message);
  const headers = { authorization: `Bearer ${to.token}`, ...request.headers };
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  return format.decode(method, await over(to, { ...request, headers }));
}

async function addUser(to: TestApplication): Promise<{ readonly userId: string; readonly address: string }> {
  users += 1;
  const address = `user-${users}@example.org`;
  const { message, error } = await call(to, rest, "AddHumanUser", newUser(address, { isVerified: false }));
  if (message === undefined) throw new Error(JSON.stringify(error));
  return { userId: textAt(message, "userId"), address };
}

function newUser(email: string, verification: JsonObject): JsonObject {
  return { profile: { givenName: "Ada", familyName: "Lovelace" }, email: { email, ...verification } };
}

async function eventsOf(to: TestApplication, userId: string): Promise<number> {
  const { message } = await call(to, rest, "GetUserByID", { userId });
  return Number(textAt(message, "user", "details", "sequence"));
}

interface Received {
  readonly code: string;
  /** What the button and the text below it lead to. */
  readonly hrefs: readonly string[];
  /** Lines of the text part that are links. */
  readonly lines: readonly string[];
}

async function mailTo(address: string): Promise<Received> {
  const { parsed } = await recorder.waitForMail(address);
  const lines = parsed.text?.split("\n") ?? [];
  const hrefs = Array.from(String(parsed.html).matchAll(/href="([^"]*)"/g), ([, href = ""]) =>
    href.replaceAll("&#39;", "'").replaceAll("&amp;", "&"),
  );
  return {
    code: lines.find((line) => /^[A-Z2-9]{6}$/.test(line)) ?? "",
    hrefs,
    lines: lines.filter((line) => line.includes("://")),
  };
}

const MALFORMED: Refusal = {
  code: 3,
  text: "URL Template is invalid",
  id: "DOMAIN-oGh5e",
  reason: "URL_TEMPLATE_INVALID",
};
const UNKNOWN_FIELD: Refusal = { ...MALFORMED, id: "DOMAIN-ieYa7" };
const because = (problem: string): Refusal => ({ ...MALFORMED, metadata: { problem } });
const NO_LINK = because("not an absolute http(s) URL with a fixed host");
const ENCODE_IT = because("a character that has to be percent-encoded");
const CREDENTIALS = because("credentials in the URL");
const DOTS = because("a segment of the path that is . or .., which URLs leave out");
const UNKNOWN_ACTION = because("unknown action");

function notAllowed(host: string, problem = "host"): Refusal {
  return { ...MALFORMED, reason: "URL_TEMPLATE_HOST_REFUSED", metadata: { problem, host } };
}

type Row = readonly [what: string, urlTemplate: string, refusal: Refusal];

const REFUSED_ANYWHERE: readonly Row[] = [
  ["a placeholder in the host", "https://{{.Code}}.evil.example", NO_LINK],
  ["a placeholder in the host, and a path", "https://{{.Code}}.evil.example/", NO_LINK],
  ["a placeholder at the end of the host", "https://ok.example{{.Code}}/", NO_LINK],
  ["a placeholder in the port", "https://ok.example:{{.Code}}/", NO_LINK],
  ["a placeholder as scheme", "{{.UserID}}://ok.example/", NO_LINK],
  ["a scheme that runs", "javascript:alert({{.Code}})", NO_LINK],
  ["a scheme that runs, as a comment", "javascript://ok.example/%0aalert(1)", NO_LINK],
  ["another scheme that runs", "vbscript:msgbox({{.Code}})", NO_LINK],
  ["a page within the link", "data:text/html,<script>alert(1)</script>", ENCODE_IT],
  ["a page within the link, encoded", "data:text/html;base64,PHNjcmlwdD4", NO_LINK],
  ["a file", "file:///etc/passwd?{{.Code}}", NO_LINK],
  ["an object of the browser", "blob:https://ok.example/{{.Code}}", NO_LINK],
  ["a page of the browser", "about:blank#{{.Code}}", NO_LINK],
  ["no scheme", "//host", NO_LINK],
  ["no scheme, and a path", "//host/{{.Code}}", NO_LINK],
  ["no host", "/verify?code={{.Code}}", NO_LINK],
  ["one slash", "https:/evil.example/{{.Code}}", NO_LINK],
  ["three slashes", "https:///evil.example/{{.Code}}", NO_LINK],
  ["a host as credentials", "https://ok.example@evil.example", CREDENTIALS],
  ["a host and a port as credentials", "https://ok.example:443@evil.example/{{.Code}}", CREDENTIALS],
  ["empty credentials", "https://@evil.example/{{.Code}}", CREDENTIALS],
  ["credentials behind a backslash", "https://ok.example\\@evil.example", ENCODE_IT],
  ["backslashes for slashes", "https:\\\\ok.example\\{{.Code}}", ENCODE_IT],
  ["a function that fills the memory", '{{printf "%1000000d" 1}}', UNKNOWN_ACTION],
  ["the same in a link", 'https://ok.example/{{printf "%1000000d" 1}}', UNKNOWN_ACTION],
  ["a loop", "https://ok.example/{{range .}}x{{end}}", UNKNOWN_ACTION],
  ["an unknown field", "https://ok.example/{{.Password}}", UNKNOWN_FIELD],
  ["an action without an end", "https://ok.example/{{.Code", UNKNOWN_ACTION],
  [
    "seven placeholders",
    `https://ok.example/${"{{.UserID}}".repeat(7)}`,
    because("more than 6 placeholders"),
  ],
  ["a host turned around", "https://ok.example\u202Emoc.live/{{.Code}}", ENCODE_IT],
  ["a path turned around", "https://ok.example/\u2067gpj{{.Code}}", ENCODE_IT],
  ["a host with something unseen", "https://ok\u200B.example/{{.Code}}", ENCODE_IT],
  ["a slash of another script", "https://ok.example\uFF0Fevil.example/{{.Code}}", because("not a URL")],
  ["an @ of another script", "https://ok.example\uFF20evil.example/{{.Code}}", because("not a URL")],
  ["a line break", "https://ok.example/\r\nBcc: evil@example.net", ENCODE_IT],
  ["a quote", 'https://ok.example/"onclick="alert(1)', ENCODE_IT],
  ["a tag", "https://ok.example/<b>", ENCODE_IT],
  ["half a percent-encoding", "https://ok.example/%2{{.Code}}", ENCODE_IT],
  ["a way up", "https://ok.example/verify/../{{.Code}}", DOTS],
  ["a way up, encoded", "https://ok.example/verify/%2e%2E/{{.Code}}", DOTS],
  ["http", "http://ok.example/{{.Code}}", notAllowed("ok.example")],
  [
    "http to what is not this machine",
    "http://127.0.0.1.evil.example/{{.Code}}",
    notAllowed("127.0.0.1.evil.example"),
  ],
];

const REFUSED_BY_LIST: readonly Row[] = [
  ["a host that is not listed", "https://evil.example/{{.Code}}", notAllowed("evil.example")],
  ["a listed host as a beginning", "https://ok.example.evil.example/", notAllowed("ok.example.evil.example")],
  ["a listed host as an end", "https://evilok.example/", notAllowed("evilok.example")],
  ["a listed host with a dot behind", "https://ok.example./", notAllowed("ok.example.")],
  ["a listed host in the path", "https://evil.example/https://ok.example/", notAllowed("evil.example")],
  ["the domain of listed subdomains", "https://sub.example/", notAllowed("sub.example")],
  [
    "a Cyrillic letter that looks like an o",
    "https://\u043Ek.example/{{.Code}}",
    notAllowed("xn--k-0tb.example"),
  ],
  ["the same as an A-label", "https://xn--k-0tb.example/{{.Code}}", notAllowed("xn--k-0tb.example")],
  ["an umlaut that is two characters elsewhere", "https://buecher.example/", notAllowed("buecher.example")],
  ["http on this machine", "http://localhost:3000/{{.Code}}", notAllowed("localhost:3000")],
  ["an app that is not listed", "otherapp://verify?code={{.Code}}", notAllowed("otherapp:", "scheme")],
  ["a listed app, the placeholder where a host may stand", "myapp://{{.Code}}", NO_LINK],
  ["a listed app, without slashes", "myapp:{{.Code}}", NO_LINK],
  ["a listed app, with credentials", "myapp://user@verify/{{.Code}}", CREDENTIALS],
];

describe.each(formats)("$name refuses", (format) => {
  async function expectRefused(to: TestApplication, urlTemplate: string, refusal: Refusal): Promise<void> {
    const { userId, address } = await addUser(to);
    const sendCode = { urlTemplate };
    for (const [method, request] of [
      ["SendEmailCode", { userId, sendCode }],
      ["SetEmail", { userId, email: `other-${address}`, sendCode }],
      ["AddHumanUser", newUser(`new-${address}`, { sendCode })],
    ] as const) {
      const { error, httpStatus } = await call(to, format, method, request);
      expect({ method, error }).toEqual({ method, error: refused(refusal) });
      expect(httpStatus).toBe(format.statusOf(3));
    }
    expect(await eventsOf(to, userId)).toBe(1);
  }

  test.each(REFUSED_ANYWHERE)("%s: %j", async (_what, urlTemplate, refusal) => {
    await expectRefused(open, urlTemplate, refusal);
    await expectRefused(listed, urlTemplate, refusal);
  });

  test.each(REFUSED_BY_LIST)("with a list, %s: %j", async (_what, urlTemplate, refusal) => {
    await expectRefused(listed, urlTemplate, refusal);
  });

  test.each([".", ".."])("an id that is no segment of a path: %j", async (dots) => {
    const sendCode = { urlTemplate: "https://ok.example/{{.UserID}}/{{.Code}}" };
    users += 1;
    const user = { ...newUser(`dots-${users}@example.org`, { sendCode }), userId: dots };
    expect((await call(open, format, "AddHumanUser", user)).error).toEqual(refused(DOTS));
  });

  test("a template of 201 characters, as what it is", async () => {
    const { userId } = await addUser(open);
    const sendCode = { urlTemplate: `https://ok.example/${"x".repeat(182)}` };
    const { error } = await call(open, format, "SendEmailCode", { userId, sendCode });
    expect(error).toMatchObject({
      code: 3,
      message: expect.stringMatching(/between 1 and 200 runes, inclusive$/),
    });
  });
});

describe.each(formats)("$name takes", (format) => {
  type Link = (code: string, userId: string) => string;
  const taken: readonly (readonly [
    urlTemplate: string,
    where: "anywhere" | "listed" | "open",
    link: Link,
  ])[] = [
    [
      "https://ok.example/verify?code={{.Code}}&user={{.UserID}}",
      "anywhere",
      (code, userId) => `https://ok.example/verify?code=${code}&user=${userId}`,
    ],
    ["https://OK.example/{{ .Code | urlquery }}", "anywhere", (code) => `https://ok.example/${code}`],
    [
      "https://ok.example:8443/a {{- .Code -}} #it's",
      "anywhere",
      (code) => `https://ok.example:8443/a${code}#it's`,
    ],
    ["https://a.b.sub.example/#{{.Code}}", "anywhere", (code) => `https://a.b.sub.example/#${code}`],
    ["https://b\u00FCcher.example/{{.Code}}", "anywhere", (code) => `https://xn--bcher-kva.example/${code}`],
    [
      "https://b\u00FCcher.example/\u00FC/{{.Code}}",
      "anywhere",
      (code) => `https://xn--bcher-kva.example/%C3%BC/${code}`,
    ],
    // Looks like another, and is shown as what it is.
    ["https://\u0430pple.com/{{.Code}}", "open", (code) => `https://xn--pple-43d.com/${code}`],
    ["http://localhost:3000/{{.Code}}", "open", (code) => `http://localhost:3000/${code}`],
    ["myapp://verify?code={{.Code}}", "listed", (code) => `myapp://verify?code=${code}`],
    ["MyApp:///verify/{{.Code}}", "listed", (code) => `myapp:///verify/${code}`],
  ];

  test.each(taken)("%j (%s)", async (urlTemplate, where, link) => {
    for (const to of where === "open" ? [open] : where === "listed" ? [listed] : [open, listed]) {
      const { userId, address } = await addUser(to);
      const { error } = await call(to, format, "SendEmailCode", { userId, sendCode: { urlTemplate } });
      expect(error).toBeUndefined();
      const { code, hrefs, lines } = await mailTo(address);
      const expected = link(code, userId);
      expect({ hrefs, lines }).toEqual({ hrefs: [expected, expected], lines: [expected] });
    }
  });

  test.each(["../..", "a/b?c#d", "%2e%2e", "\u{1F600}", `"><b>`, "\u2028Bcc: evil@example.net", "..."])(
    "the id %j as one segment",
    async (userId) => {
      users += 1;
      const address = `segment-${users}@example.org`;
      const unique = `${users}${userId}`;
      const sendCode = { urlTemplate: "https://ok.example/{{.UserID}}/{{.Code}}" };
      const user = { ...newUser(address, { sendCode }), userId: unique };
      expect((await call(open, format, "AddHumanUser", user)).error).toBeUndefined();
      const { code, hrefs, lines } = await mailTo(address);
      const expected = `https://ok.example/${encodeURIComponent(unique)}/${code}`;
      expect({ hrefs, lines }).toEqual({ hrefs: [expected, expected], lines: [expected] });
    },
  );
});
