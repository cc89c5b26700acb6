import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { failureCatalogue } from "../../../src/verification/failures.ts";
import { isLoopback } from "../../../src/verification/host-name.ts";
import {
  checkLinkTemplate,
  parseLinkTemplate,
  renderLink,
  type LinkPolicy,
  type LinkValues,
} from "../../../src/verification/url-template.ts";

const ANY_HOST: LinkPolicy = { allowedHosts: undefined };
const VALUES: LinkValues = { UserID: "user/1", Code: "K7", OrgID: "o&o" };

/** The link that a template becomes, or ZITADEL's id and Countersign's reason of the refusal. */
function link(text: string, policy = ANY_HOST, values = VALUES): string {
  const checked = checkLinkTemplate(text, policy);
  if (checked.ok) return renderLink(checked.template, values);
  const { id, reason } = failureCatalogue[checked.failure.name] as { id: string; reason: string };
  return `${id} ${reason}`;
}

const MALFORMED = "DOMAIN-oGh5e URL_TEMPLATE_INVALID";
const UNKNOWN_FIELD = "DOMAIN-ieYa7 URL_TEMPLATE_INVALID";
const HOST_REFUSED = "DOMAIN-oGh5e URL_TEMPLATE_HOST_REFUSED";

describe("accepted templates", () => {
  test.each([
    ["https://ok.example", "https://ok.example/"],
    ["https://ok.example/verify", "https://ok.example/verify"],
    [
      "https://ok.example/v?code={{.Code}}&userID={{.UserID}}&orgID={{.OrgID}}",
      "https://ok.example/v?code=K7&userID=user%2F1&orgID=o%26o",
    ],
    ["https://ok.example/{{.UserID}}/{{.Code}}", "https://ok.example/user%2F1/K7"],
    ["https://ok.example/#{{.Code}}{{.Code}}", "https://ok.example/#K7K7"],
    ["https://ok.example?c={{.Code}}", "https://ok.example/?c=K7"],
    ["https://ok.example#{{.Code}}", "https://ok.example/#K7"],
    ["https://ok.example/{{ .Code }}", "https://ok.example/K7"],
    ["https://ok.example/{{\t.Code\n}}", "https://ok.example/K7"],
    ["https://ok.example/{{ .UserID | urlquery }}", "https://ok.example/user%2F1"],
    ["https://ok.example/{{.Code|urlquery}}", "https://ok.example/K7"],
    ["https://ok.example/a \n{{- .Code -}}\t b", "https://ok.example/aK7b"],
    ["https://ok.example/a {{- .Code}}", "https://ok.example/aK7"],
    ["HTTPS://OK.example/{{.Code}}", "https://ok.example/K7"],
    ["https://ok.example:8443/{{.Code}}", "https://ok.example:8443/K7"],
    ["https://ok.example:443/{{.Code}}", "https://ok.example/K7"],
    ["https://exämple.de/{{.Code}}", "https://xn--exmple-cua.de/K7"],
    ["https://ok.example/ä%C3%A4?ü={{.Code}}", "https://ok.example/%C3%A4%C3%A4?%C3%BC=K7"],
    ["https://ok.example/@{{.Code}}?a@b#c@d", "https://ok.example/@K7?a@b#c@d"],
    ["https://[2001:db8::1]/{{.Code}}", "https://[2001:db8::1]/K7"],
    ["http://localhost:3000/{{.Code}}", "http://localhost:3000/K7"],
    // Hosts of another script, and such as look alike, are shown as what they are.
    ["https://\u0430pple.com/{{.Code}}", "https://xn--pple-43d.com/K7"],
    ["https://\uFF4Fk.example/{{.Code}}", "https://ok.example/K7"],
    ["https://ok.example%2eevil.example/{{.Code}}", "https://ok.example.evil.example/K7"],
    ["https://ok.example/...{{.Code}}/.x", "https://ok.example/...K7/.x"],
    ["https://ok.example?next=/../a#/../b", "https://ok.example/?next=/../a#/../b"],
    [`https://ok.example/${"{{.Code}}".repeat(6)}`, "https://ok.example/K7K7K7K7K7K7"],
    ["http://127.0.0.1/{{.Code}}", "http://127.0.0.1/K7"],
    ["http://2130706433/{{.Code}}", "http://127.0.0.1/K7"],
    ["http://[::1]:8080/{{.Code}}", "http://[::1]:8080/K7"],
  ])("%j", (text, expected) => {
    expect(link(text)).toBe(expected);
  });
});

describe("refused templates", () => {
  test.each([
    // Not the language.
    ["{{", MALFORMED],
    ["https://ok.example/{{", MALFORMED],
    ["https://ok.example/{{.Code", MALFORMED],
    ["https://ok.example/{{.Code}", MALFORMED],
    ["https://ok.example/{{{.Code}}}", MALFORMED],
    ["https://ok.example/}}", MALFORMED],
    ["https://ok.example/{{}}", MALFORMED],
    ["https://ok.example/{{.}}", MALFORMED],
    ['https://ok.example/{{printf "%d" 1}}', MALFORMED],
    ["https://ok.example/{{if .Code}}x{{end}}", MALFORMED],
    ["https://ok.example/{{/* c */}}", MALFORMED],
    ["https://ok.example/{{.Code | html}}", MALFORMED],
    ["https://ok.example/{{.Code | urlquery | urlquery}}", MALFORMED],
    ["https://ok.example/{{.Code.Length}}", MALFORMED],
    ["https://ok.example/{{-.Code}}", MALFORMED],
    ["https://ok.example/{{.Code-}}", MALFORMED],
    ["https://ok.example/{{.Foo}}{{", MALFORMED],
    ["https://ok.example/{{.Foo}}", UNKNOWN_FIELD],
    ["https://ok.example/{{.code}}", UNKNOWN_FIELD],
    ["https://ok.example/{{.userID}}{{.Code}}", UNKNOWN_FIELD],
    ["https://ok.example/{{.constructor}}", UNKNOWN_FIELD],
    ["https://ok.example/{{.__proto__}}", UNKNOWN_FIELD],
    // Not an absolute http(s) URL with a fixed host.
    ["", MALFORMED],
    ["{{.Code}}", MALFORMED],
    ["{{.Code}}https://ok.example/", MALFORMED],
    ["/verify?c={{.Code}}", MALFORMED],
    ["//host/x", MALFORMED],
    ["//host/{{.Code}}", MALFORMED],
    ["https:/ok.example/{{.Code}}", MALFORMED],
    ["https:ok.example/{{.Code}}", MALFORMED],
    ["https:///evil.example/{{.Code}}", MALFORMED],
    ["https:///evil.example/", MALFORMED],
    ["https://", MALFORMED],
    ["https://?c={{.Code}}", MALFORMED],
    ["javascript:alert(1)", MALFORMED],
    ["javascript:alert({{.Code}})", MALFORMED],
    ["javascript://ok.example/%0Aalert(1)", MALFORMED],
    ["data:text/html,{{.Code}}", MALFORMED],
    ["ftp://ok.example/{{.Code}}", MALFORMED],
    ["https://{{.Code}}.evil.example/", MALFORMED],
    ["https://{{.OrgID}}/", MALFORMED],
    ["https://ok.example{{.Code}}", MALFORMED],
    ["https://ok.example{{.Code}}/", MALFORMED],
    ["https://ok.example {{- .Code}}/", MALFORMED],
    ["https://ok.example:{{.Code}}/", MALFORMED],
    ["https://{{.UserID}}@ok.example/", MALFORMED],
    // Credentials.
    ["https://ok.example@evil.example/", MALFORMED],
    ["https://user:pass@ok.example/{{.Code}}", MALFORMED],
    ["https://ok.example:443@evil/", MALFORMED],
    ["https://@evil.example/{{.Code}}", MALFORMED],
    ["https://:@evil.example/", MALFORMED],
    // Characters that URLs do not have.
    ["https://ok.example\\@evil.example/", MALFORMED],
    ["https://ok.example\\evil.example/{{.Code}}", MALFORMED],
    ["https:\\\\ok.example/{{.Code}}", MALFORMED],
    [" https://ok.example/", MALFORMED],
    ["https://ok.example/\t{{.Code}}", MALFORMED],
    ["https://ok.example/\n", MALFORMED],
    ["https://ok\r\n.example/", MALFORMED],
    ["https://ok.example/\0", MALFORMED],
    ["https://ok.example/a b", MALFORMED],
    ['https://ok.example/"onmouseover=', MALFORMED],
    ["https://ok.example/<script>", MALFORMED],
    ["https://ok.example/a|b", MALFORMED],
    ["https://ok.example/100%", MALFORMED],
    ["https://ok.example/%{{.Code}}", MALFORMED],
    ["https://ok.example/%2{{.Code}}", MALFORMED],
    ["https://ok.example/%zz", MALFORMED],
    // Hosts that are none.
    ["https://ok.example／evil.example/{{.Code}}", MALFORMED],
    ["https://ok.example＠evil.example/{{.Code}}", MALFORMED],
    ["https://ok.example:99999/{{.Code}}", MALFORMED],
    ["https://ok.example:x/{{.Code}}", MALFORMED],
    ["https://%40evil.example/{{.Code}}", MALFORMED],
    ["https://[::1/{{.Code}}", MALFORMED],
    // What turns the direction of writing, or is not seen.
    ["https://ok.example\u202Emoc.live/{{.Code}}", MALFORMED],
    ["https://ok.example/\u202E{{.Code}}", MALFORMED],
    ["https://ok.example/\u2066x\u2069{{.Code}}", MALFORMED],
    ["https://ok\u200B.example/{{.Code}}", MALFORMED],
    ["https://ok\u00AD.example/{{.Code}}", MALFORMED],
    ["https://ok.example/\u00A0{{.Code}}", MALFORMED],
    ["https://ok.example/\u2028{{.Code}}", MALFORMED],
    ["https://ok.example/\uD800", MALFORMED],
    ["https://ok.example/{{\u00A0.Code}}", MALFORMED],
    // More than the ids of a user may blow up.
    [`https://ok.example/${"{{.UserID}}".repeat(7)}`, MALFORMED],
    // Segments that URLs leave out.
    ["https://ok.example/..", MALFORMED],
    ["https://ok.example/a/../{{.Code}}", MALFORMED],
    ["https://ok.example/./{{.Code}}", MALFORMED],
    ["https://ok.example/%2e%2E/{{.Code}}", MALFORMED],
    ["https://ok.example/.%2e?c={{.Code}}", MALFORMED],
    ["https://ok.example/.#{{.Code}}", MALFORMED],
    // Apps that no list names, and schemes that no app has.
    ["xhttps://ok.example/{{.Code}}", HOST_REFUSED],
    ["myapp://verify?c={{.Code}}", HOST_REFUSED],
    ["vbscript://ok.example/{{.Code}}", MALFORMED],
    ["file:///etc/{{.Code}}", MALFORMED],
    ["blob:https://ok.example/{{.Code}}", MALFORMED],
    ["about:blank#{{.Code}}", MALFORMED],
    ["view-source://ok.example/{{.Code}}", MALFORMED],
    ["mailto:{{.Code}}@ok.example", MALFORMED],
    ["{{.OrgID}}://ok.example/", MALFORMED],
    ["my{{.OrgID}}://ok.example/", MALFORMED],
    // Hosts without TLS.
    ["http://ok.example/{{.Code}}", HOST_REFUSED],
    ["http://localhost.evil.example/{{.Code}}", HOST_REFUSED],
    ["http://127.0.0.1.evil.example/{{.Code}}", HOST_REFUSED],
    ["http://0.0.0.0/{{.Code}}", HOST_REFUSED],
  ])("%j", (text, expected) => {
    expect(link(text)).toBe(expected);
  });
});

describe("ids that would be left out of the path", () => {
  const at = (text: string, userId: string, organizationId = "org-1") => {
    const checked = checkLinkTemplate(text, ANY_HOST, { userId, organizationId });
    return checked.ok
      ? renderLink(checked.template, { UserID: userId, Code: "K7QX", OrgID: organizationId })
      : "";
  };

  test.each([
    ["/{{.UserID}}/{{.Code}}", ".", ""],
    ["/{{.UserID}}/{{.Code}}", "..", ""],
    ["/{{.UserID}}", "..", ""],
    ["/{{.UserID}}?c={{.Code}}", "..", ""],
    ["/{{.UserID}}#{{.Code}}", ".", ""],
    ["/.{{.UserID}}/{{.Code}}", ".", ""],
    ["/%2e{{.UserID}}/{{.Code}}", ".", ""],
    ["/{{.UserID}}%2E/{{.Code}}", ".", ""],
    ["/{{.UserID}}{{.UserID}}/{{.Code}}", ".", ""],
    ["/{{.UserID}}/{{.Code}}", "...", "/.../K7QX"],
    ["/{{.UserID}}/{{.Code}}", "%2e", "/%252e/K7QX"],
    ["/{{.UserID}}/{{.Code}}", "../..", "/..%2F../K7QX"],
    ["/{{.UserID}}/{{.Code}}", "..\\", "/..%5C/K7QX"],
    ["/u{{.UserID}}/{{.Code}}", "..", "/u../K7QX"],
    ["/?u={{.UserID}}&c={{.Code}}", "..", "/?u=..&c=K7QX"],
    ["/#{{.UserID}}/{{.Code}}", "..", "/#../K7QX"],
  ])("%s of user %j", (rest, userId, expected) => {
    expect(at(`https://ok.example${rest}`, userId)).toBe(expected && `https://ok.example${expected}`);
  });

  test("the organization's too", () => {
    expect(at("https://ok.example/{{.OrgID}}/{{.Code}}", "user-1", "..")).toBe("");
    expect(at("https://ok.example/{{.OrgID}}{{.UserID}}/{{.Code}}", ".", ".")).toBe("");
    expect(at("https://ok.example/{{.OrgID}}/{{.Code}}", "..", "org-1")).toBe(
      "https://ok.example/org-1/K7QX",
    );
  });
});

describe("listed apps", () => {
  const policy: LinkPolicy = { allowedHosts: ["ok.example", "myapp:", "com.example.app:"] };

  test.each([
    ["myapp://verify?code={{.Code}}&user={{.UserID}}", "myapp://verify?code=K7&user=user%2F1"],
    ["MyApp://verify/{{.Code}}", "myapp://verify/K7"],
    ["myapp:///verify/{{.Code}}", "myapp:///verify/K7"],
    ["myapp://verify", "myapp://verify"],
    ["myapp://#{{.OrgID}}", "myapp://#o%26o"],
    ["com.example.app://verify/{{.Code}}", "com.example.app://verify/K7"],
    ["https://ok.example/{{.Code}}", "https://ok.example/K7"],
    ["https://evil.example/{{.Code}}", HOST_REFUSED],
    ["otherapp://verify/{{.Code}}", HOST_REFUSED],
    ["http://ok.example/{{.Code}}", HOST_REFUSED],
    ["myapp:{{.Code}}", MALFORMED],
    ["myapp:verify/{{.Code}}", MALFORMED],
    ["myapp:/{{.Code}}", MALFORMED],
    ["myapp://{{.Code}}", MALFORMED],
    ["myapp://verify{{.Code}}/", MALFORMED],
    ["myapp://user@verify/{{.Code}}", MALFORMED],
    ["myapp://@verify/{{.Code}}", MALFORMED],
    ["myapp://verify:1/{{.Code}}", MALFORMED],
    ["myapp://v\u00E9rify/{{.Code}}", MALFORMED],
    ["myapp://%76erify/{{.Code}}", MALFORMED],
    ["myapp://verify/../{{.Code}}", MALFORMED],
    ["myapp://verify\\{{.Code}}", MALFORMED],
    ["javascript://verify/{{.Code}}", MALFORMED],
  ])("%s", (text, expected) => {
    expect(link(text, policy)).toBe(expected);
  });

  test("the schemes that no app has lead nowhere, even listed", () => {
    for (const scheme of ["javascript", "data", "vbscript", "file", "blob", "about", "ftp", "http", "ws"]) {
      const listed: LinkPolicy = { allowedHosts: [`${scheme}:`] };
      expect([MALFORMED, HOST_REFUSED]).toContain(link(`${scheme}://ok.example/{{.Code}}`, listed));
    }
  });
});

describe("allowed hosts", () => {
  const policy: LinkPolicy = {
    allowedHosts: ["ok.example", "port.example:8443", "*.sub.example", "xn--exmple-cua.de", "localhost"],
  };

  test.each([
    ["https://ok.example/", true],
    ["https://OK.EXAMPLE/", true],
    ["https://ok.example:444/", true],
    ["https://port.example:8443/", true],
    ["https://a.sub.example/", true],
    ["https://b.a.sub.example/", true],
    ["https://exämple.de/", true],
    ["http://localhost:3000/", true],
    ["http://ok.example/", false],
    ["https://evil.example/", false],
    ["https://ok.example.evil.example/", false],
    ["https://evilok.example/", false],
    ["https://ok.example./", false],
    ["https://\u043Ek.example/", false],
    ["https://port.example/", false],
    ["https://sub.example/", false],
    ["https://evilsub.example/", false],
    ["https://127.0.0.1/", false],
    ["http://127.0.0.1/", false],
    ["https://evil.example/ok.example", false],
    ["https://evil.example?ok.example", false],
    ["https://evil.example#.sub.example", false],
  ])("%s: %s", (text, allowed) => {
    expect(link(text, policy)).toBe(allowed ? new URL(text).href : HOST_REFUSED);
  });

  test.each([
    ["localhost", true],
    ["app.localhost", true],
    ["127.0.0.1", true],
    ["127.255.255.254", true],
    ["[::1]", true],
    ["notlocalhost", false],
    ["localhost.example", false],
    ["127.0.0.1.example", false],
    ["128.0.0.1", false],
    ["[::2]", false],
  ])("loopback: %s %s", (hostname, expected) => {
    expect(isLoopback(hostname)).toBe(expected);
  });
});

// Any text, the troublesome, and lone surrogates, which a JSON request can carry in an id.
const value = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "..",
    "/",
    "//evil.example",
    "\\",
    "@evil.example",
    "?",
    "#",
    "%",
    "%2e",
    " ",
    "\r\n",
    "\uD800",
    '"><',
  ),
);
const values = fc.record({ UserID: value, Code: value, OrgID: value });

describe("properties", () => {
  test("no accepted template leads elsewhere, whatever the values", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "{{.UserID}}",
        "{{.Code}}",
        "{{ .OrgID | urlquery }}",
        "{{- .Code -}}",
        "{{.Foo}}",
        "{{",
        "}}",
      ),
      fc.constantFrom(
        "/",
        "//",
        "\\",
        "?",
        "#",
        "@",
        ":",
        ";",
        "&",
        "=",
        "%",
        "%2e",
        "%40",
        "[",
        "]",
        "..",
        ".",
        "|",
      ),
      fc.constantFrom(
        "ok.example",
        "evil.example",
        "443",
        "localhost",
        "127.1",
        "::1",
        "xn--",
        "ü",
        "。",
        "／",
        "＠",
      ),
      fc.constantFrom(
        " ",
        "\t",
        "\n",
        "\0",
        "\u00A0",
        "\u0085",
        "\u2028",
        "\uFEFF",
        "\uD800",
        '"',
        "'",
        "<",
        "*",
      ),
      fc.string({ unit: "binary", maxLength: 2 }),
    );
    const scheme = fc.constantFrom(
      "https://",
      "https://ok.example",
      "https://ok.example/",
      "HTTPS://",
      "http://",
      "",
    );
    const text = fc
      .tuple(scheme, fc.array(piece, { maxLength: 8 }))
      .map(([head, pieces]) => head + pieces.join(""));
    const allowedHosts = ["ok.example", "localhost", "*.ok.example"];
    let accepts = 0;
    fc.assert(
      fc.property(text, values, fc.boolean(), (template, fill, restricted) => {
        const checked = checkLinkTemplate(template, restricted ? { allowedHosts } : ANY_HOST);
        if (!checked.ok) return;
        accepts += 1;
        const rendered = renderLink(checked.template, fill);
        const url = new URL(rendered);
        const [literalOrigin] = /^https?:\/\/[^/?#{]+/i.exec(template.trimStart()) ?? [""];
        expect(url.origin).toBe(new URL(literalOrigin.trimEnd()).origin);
        expect(url.protocol === "https:" || isLoopback(url.hostname)).toBe(true);
        expect(`${url.username}${url.password}`).toBe("");
        expect(rendered.split(/[/?#]/)[2]).toBe(url.host);
        // RFC 3986 section 2: unreserved, reserved, percent-encoded.
        expect(rendered).toMatch(/^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/);
        if (restricted) expect(url.hostname).toMatch(/^(?:(?:.*\.)?ok\.example|localhost)$/);
      }),
      { numRuns: 6000 },
    );
    expect(accepts).toBeGreaterThan(300);
  });

  test("values keep their place and come back as they were", () => {
    const checked = parseLinkTemplate("https://ok.example/a/x{{.UserID}}/b?code={{.Code}}&end=1#{{.OrgID}}");
    if (!checked.ok) throw new Error("refused");
    fc.assert(
      fc.property(values, (fill) => {
        const url = new URL(renderLink(checked.template, fill));
        const { UserID, Code, OrgID } = fill;
        expect(url.pathname.split("/").map(decodeURIComponent)).toEqual([
          "",
          "a",
          `x${UserID.toWellFormed()}`,
          "b",
        ]);
        // Not searchParams: they read "+" as a blank.
        expect(url.search.slice(1).split("&").map(decodeURIComponent)).toEqual([
          `code=${Code.toWellFormed()}`,
          "end=1",
        ]);
        expect(decodeURIComponent(url.hash.slice(1))).toBe(OrgID.toWellFormed());
      }),
    );
  });
});

test.each([
  "{{",
  "{{.Code}}",
  "{{- .Code -}}",
  " ",
  "a",
  "@",
  "a@",
  "/",
  "%",
  "%41",
  "\u00A0",
  "}",
  "-",
  "|",
  ".",
])("long runs of %j end", (unit) => {
  for (const length of [200, 10_000]) {
    for (const head of [
      "",
      "https://",
      "https://ok.example/",
      "https://ok.example/{{",
      "https://ok.example/{{.Code",
    ]) {
      expect(typeof checkLinkTemplate(`${head}${unit.repeat(length)}`, ANY_HOST).ok).toBe("boolean");
    }
  }
});
