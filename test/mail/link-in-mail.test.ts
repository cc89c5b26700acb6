/**
 * Templates out of a grammar of troublesome parts, filled with troublesome values: whatever is accepted leads where the
 * list allows, keeps its shape, and stands in the mail as it is, once in the text, twice in the HTML, and nowhere else.
 * The mail is read by a parser that is not ours.
 */
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { simpleParser, type ParsedMail } from "mailparser";
import { createComposer } from "../../src/mail/message.ts";
import { writeMime } from "../../src/mail/mime.ts";
import { checkLinkTemplate, renderLink, type LinkValues } from "../../src/verification/url-template.ts";
import { mailRequest } from "./mail-request.ts";

const RUNS = 10_000;
const ALLOWED = ["ok.example", "port.example:8443", "*.sub.example", "localhost", "myapp:"];

/** What ALLOWED means, said once more. */
function isAllowed({ protocol, hostname, host }: URL): boolean {
  if (protocol === "myapp:") return true;
  if (hostname === "localhost") return protocol === "https:" || protocol === "http:";
  const isListed =
    hostname === "ok.example" || host === "port.example:8443" || hostname.endsWith(".sub.example");
  return protocol === "https:" && isListed;
}

const words = (text: string) => fc.constantFrom(...text.split(" "));

const UNSEEN = Array.from("\0\t\n\r\u0085\u00A0\u00AD\u200B\u2028\u202E\u2066\uFEFF\uD800");

const action = fc.constantFrom(
  ...["UserID", "Code", "OrgID"].flatMap((field) => [
    `{{.${field}}}`,
    `{{ .${field} }}`,
    `{{.${field} | urlquery}}`,
    `{{- .${field} -}}`,
    ` {{- .${field} | urlquery -}}\n`,
  ]),
);
const brokenAction = fc.oneof(
  words("{{ }} {{.Foo}} {{.code}} {{.Code|html}} {{/**/}}"),
  fc.constantFrom('{{printf "%1000000d" 1}}', "{{if .Code}}", "{{- .Code}}}"),
);
const scheme = fc.oneof(
  { weight: 12, arbitrary: words("https:// HTTPS:// myapp:// http://") },
  {
    weight: 3,
    arbitrary: words(
      "javascript: javascript:// data:text/html, vbscript: file:/// blob:https:// about:blank# otherapp:// myapp: " +
        "https: https:/ https:/// https:\\\\ view-source:https:// // /",
    ),
  },
  { weight: 1, arbitrary: action },
);
const host = fc.oneof(
  {
    weight: 10,
    arbitrary: words("ok.example OK.example port.example:8443 a.sub.example localhost:3000 \uFF4Fk.example"),
  },
  {
    weight: 4,
    arbitrary: words(
      "evil.example ok.example. ok.example.evil.example evilok.example sub.example port.example " +
        "ok.example@evil.example ok.example\\@evil.example evil.example\\ok.example u:p@ok.example @ok.example " +
        "ok.example:443@evil.example ok.example%2f@evil.example ok.example\uFF0Fevil.example \u043Ek.example " +
        "127.0.0.1 2130706433 [::1] ok.example:99999 ok.example%00 xn-- evil.example\u3002ok.example",
    ),
  },
  { weight: 1, arbitrary: fc.oneof(action, fc.constant("")) },
);
const segment = fc.oneof(
  { weight: 4, arbitrary: action },
  { weight: 3, arbitrary: words("verify a \u00FC %C3%BC x:y @evil.example ' a;b=c &amp; []") },
  { weight: 2, arbitrary: words(". .. %2e %2E. ... evil.example :443 *") },
  { weight: 1, arbitrary: fc.oneof(words('" <b> \\ | % %2 ^ `'), fc.constantFrom("", " ", ...UNSEEN)) },
  { weight: 1, arbitrary: brokenAction },
);
const run = fc.array(segment, { minLength: 1, maxLength: 2 }).map((parts) => parts.join(""));
const path = fc.array(run, { maxLength: 3 }).map((parts) => parts.map((part) => `/${part}`).join(""));
const query = fc.array(fc.tuple(fc.constantFrom("a=", "b[]=", "", "next=//"), run), { maxLength: 2 });
const grammar = fc
  .record({
    scheme,
    host,
    path,
    query: query.map((pairs) =>
      pairs.map(([key, value], n) => `${n === 0 ? "?" : "&"}${key}${value}`).join(""),
    ),
    fragment: fc.oneof(
      fc.constant(""),
      run.map((text) => `#${text}`),
    ),
  })
  .map((parts) => `${parts.scheme}${parts.host}${parts.path}${parts.query}${parts.fragment}`);

const stray = fc.oneof(
  words("/ \\ @ : ? # { } ."),
  fc.constantFrom(...UNSEEN),
  fc.string({ unit: "binary", maxLength: 1 }),
);
const misspelt = fc.tuple(grammar, fc.nat(), stray).map(([text, place, extra]) => {
  const at = place % (text.length + 1);
  return text.slice(0, at) + extra + text.slice(at);
});
/** Most as the grammar has them, some with a character out of place. */
const template = fc.oneof({ weight: 5, arbitrary: grammar }, { weight: 1, arbitrary: misspelt });

/** 1 to 200 characters, as the wire has them. */
const id = fc.oneof(
  words(
    "user-1 . .. ... %2e %2e%2e ../.. / //evil.example \\\\evil.example @evil.example : ? # &code=0 % %0d%0a +",
  ),
  words('"><script>alert(1)</script> javascript:alert(1) {{.Code}} &quot; <!-- \u202Emoc.live ${x} $&'),
  fc.constantFrom("\r\n\r\nX-Evil: yes", "\r\n.\r\n", " ", "' onmouseover='", "=?UTF-8?Q?=0D=0ABcc:_e?="),
  fc.constantFrom("\u{1F600}".repeat(100), "\0", "\uD800"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 20 }),
);
/** Four symbols or more of printable ASCII: an alphabet may be made of these. */
const code = fc.oneof(
  fc.constantFrom("K7QX2M", "....", "%2e%2e", "..//", "<\"'&", "#?&=", "{{.}}", "\\\\\\\\", "@:@:"),
  fc.string({ unit: "grapheme-ascii", minLength: 4, maxLength: 20 }).map((text) => text.replaceAll(" ", "_")),
);
const values: fc.Arbitrary<LinkValues> = fc.record({ UserID: id, Code: code, OrgID: id });

const compose = createComposer({ from: { name: "Example Accounts", address: "accounts@example.org" } });
const MARK = "https://ok.example/the-link";

function read(link: string, itsCode: string): Promise<ParsedMail> {
  const mail = compose(
    mailRequest({ link, code: itsCode, user: { ...mailRequest().user, preferredLanguage: "en" } }),
  );
  const raw = writeMime(mail, { from: "accounts@example.org", to: "ada@example.com" });
  return simpleParser(raw, { skipHtmlToText: true, skipTextToHtml: true });
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** What an attribute or a text says. */
function decoded(html: string): string {
  return html.replace(/&(\w+|#\d+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
}

/** How many segments the path has, and whether there is a query and a fragment. */
function shapeOf(link: string): readonly unknown[] {
  const { protocol, host: itsHost, username, password, pathname, search, hash } = new URL(link);
  const pairs = search.split(/[&=?]/).length;
  return [protocol, itsHost, username, password, pathname.split("/").length, pairs, hash === ""];
}

test("no accepted template leads elsewhere, loses its shape, or breaks out of the mail", async () => {
  let accepted = 0;
  let withValues = 0;
  await fc.assert(
    fc.asyncProperty(template, values, async (text, fill) => {
      const ids = { userId: fill.UserID, organizationId: fill.OrgID };
      const checked = checkLinkTemplate(text, { allowedHosts: ALLOWED }, ids);
      if (!checked.ok) return;
      accepted += 1;
      if (checked.template.length > 1) withValues += 1;

      const link = renderLink(checked.template, fill);
      const url = new URL(link);
      expect(isAllowed(url)).toBe(true);
      expect([url.username, url.password]).toEqual(["", ""]);
      expect(shapeOf(link)).toEqual(
        shapeOf(renderLink(checked.template, { UserID: "u", Code: "c", OrgID: "o" })),
      );
      // RFC 3986 section 2: unreserved, reserved, percent-encoded.
      expect(link).toMatch(/^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/);
      expect(link.length).toBeLessThan(16_384);

      const [mail, plain] = [await read(link, fill.Code), await read(MARK, fill.Code)];
      expect(mail.text?.split("\n").filter((line) => line === link)).toHaveLength(1);
      expect(mail.text?.split(link)).toHaveLength(2);
      expect(mail.text?.replaceAll(link, () => MARK)).toBe(plain.text);
      const html = String(mail.html);
      const hrefs = Array.from(html.matchAll(/\shref\s*=\s*("[^"]*"|'[^']*'|[^\s>]*)/gi), ([, value = ""]) =>
        decoded(value.slice(1, -1)),
      );
      expect(hrefs).toEqual([link, link]);
      const shown = /<a class="link"[^>]*>([^<]*)<\/a>/.exec(html)?.[1] ?? "";
      expect(decoded(shown)).toBe(link);
      // Taken out as it is written, the link leaves the very mail that another link leaves.
      expect(html.replaceAll(shown, () => MARK)).toBe(String(plain.html));
      expect(mail.headerLines).toEqual(plain.headerLines);
      expect(mail.attachments).toEqual([]);
    }),
    { numRuns: RUNS },
  );
  expect(accepted).toBeGreaterThan(RUNS / 10);
  expect(withValues).toBeGreaterThan(RUNS / 20);
}, 120_000);
