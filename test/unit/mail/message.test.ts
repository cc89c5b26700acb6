// What is composed, before any transport sees it. How it arrives: test/mail/mime.test.ts.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  createComposer,
  type ComposerOptions,
  type Mail,
  type MailRequest,
} from "../../../src/mail/message.ts";
import { NO_OVERRIDES, type OverrideLayer } from "../../../src/mail/messages/mail-overrides.ts";
import { TEXT_KEYS } from "../../../src/mail/messages/text-keys.ts";
import { mailRequest } from "../../mail/mail-request.ts";

const FROM = { name: "Example Accounts", address: "accounts@example.org" };
const EMPTY: OverrideLayer = NO_OVERRIDES;
const compose = createComposer({ from: FROM });

function to(preferredLanguage: string, changes: Partial<MailRequest> = {}): MailRequest {
  return mailRequest({ user: { ...mailRequest().user, preferredLanguage }, ...changes });
}

function named(displayName: string): Mail {
  return compose(mailRequest({ user: { ...mailRequest().user, displayName } }));
}

describe("a mail", () => {
  test("has the code alone on its line, the link on its own, the end of the code and a way out", () => {
    const request = mailRequest();
    const lines = compose(request).text.split("\n");
    expect(lines[0]).toBe("Hello Ada Lovelace,");
    expect(lines).toContain(request.code);
    expect(lines).toContain(request.link);
    expect(lines).toContain(
      "The code can be used until 3 January 2026 at 01:00 UTC (1 hour after it was requested).",
    );
    expect(lines.join("\n")).toContain("If it was not you");
    expect(lines.slice(-2)).toEqual(["Example Accounts", ""]);
  });

  test("has an HTML part with the code, a button, the link as text, both colour schemes and nothing remote", () => {
    const { html, request } = compose(
      mailRequest({ link: "https://example.com/verify?code=ABC234&userId=2" }),
    );
    const link = request.link.replaceAll("&", "&amp;");
    expect(html).toContain(`>${request.code}</p>`);
    expect(html.split(`href="${link}"`)).toHaveLength(3);
    expect(html).toContain(`>${link}</a>`);
    expect(html).toContain(">Verify email address</a>");
    expect(html).toContain('content="light dark"');
    expect(html).toContain("prefers-color-scheme: dark");
    expect(html).toContain('<html lang="en" dir="ltr">');
    expect(new Set(html.match(/https?:\/\/[^"<]+/g))).toEqual(new Set([link]));
  });

  test("begins with a preheader that keeps the code out of lists of mails", () => {
    const { html, parts, request } = compose(mailRequest());
    const body = html.slice(html.indexOf("<body"));
    const preheader = body.slice(body.indexOf("<div"), body.indexOf("</div>"));
    expect(preheader).toContain(parts?.preheader);
    expect(preheader).not.toContain(request.code);
    // Lists show up to some 140 characters of a mail.
    expect(preheader.match(/&nbsp;&#847;/g)?.length).toBeGreaterThanOrEqual(70);
    expect(body.indexOf(request.code)).toBeGreaterThan(body.indexOf("</div>"));
  });

  test("tells its words one by one", () => {
    expect(compose(to("de")).parts).toEqual({
      title: "Bestätigen Sie Ihre E-Mail-Adresse",
      preheader: "Mit dem Code in dieser E-Mail bestätigen Sie, dass diese Adresse Ihnen gehört.",
      greeting: "Guten Tag Ada Lovelace,",
      text: [
        "mit diesem Code bestätigen Sie Ihre E-Mail-Adresse: ABC234",
        "Der Code ist bis zum 3. Januar 2026 um 01:00 UTC gültig (1 Stunde ab der Anforderung).",
        "Falls Sie diesen Code nicht angefordert haben, ignorieren Sie diese E-Mail bitte: Ohne den Code geschieht nichts.",
      ].join("\n\n"),
      buttonText: "E-Mail-Adresse bestätigen",
      locale: "de",
    });
  });

  test("stays the same at every try, and differs in its Message-ID from row to row", () => {
    expect(compose(mailRequest())).toEqual(compose(mailRequest()));
    expect(compose(mailRequest({ deliveryId: "other" })).messageId).toBe("<other@example.org>");
  });

  test("has the sender's domain in ASCII in its Message-ID, and signs with it where there is no name", () => {
    const mail = createComposer({ from: { name: "", address: "post@bücher.example" } })(mailRequest());
    expect(mail.messageId).toBe("<delivery-1@xn--bcher-kva.example>");
    expect(mail.text).toContain("\nbücher.example\n");
  });

  test("without a link shows the code alone", () => {
    const mail = createComposer({ from: FROM, codeOnly: true })(mailRequest());
    expect(mail.text).toContain("\nABC234\n");
    expect(mail.html).toContain(">ABC234</p>");
    expect(mail.text + mail.html).not.toMatch(/https?:|href|button(?! :)\b.*<\/a>|open this link/);
    expect(mail.text).not.toMatch(/\n{3}/);
  });
});

describe("the language", () => {
  test.each<[string, string | undefined, string, string]>([
    ["de", undefined, "en", "de"],
    ["de-AT", "fr", "en", "de"],
    ["zh-Hant-TW", undefined, "en", "zh"],
    ["", "sv, nl;q=0.5, fr;q=0.8", "en", "fr"],
    ["sv", "it", "en", "it"],
    ["sv", undefined, "pt-BR", "pt"],
    ["und", "*", "ja", "ja"],
    ["<script>", ";;;,q=", "en", "en"],
  ])(
    "of a user who prefers %j, asking with %j, where %s is the default, is %s",
    (preferred, header, fallback, locale) => {
      const request = to(preferred, header === undefined ? {} : { acceptLanguage: header });
      expect(createComposer({ from: FROM, defaultLanguage: fallback })(request).parts?.locale).toBe(locale);
    },
  );

  test("is known to the HTML", () => {
    expect(compose(to("zh")).html).toContain('<html lang="zh-Hans" dir="ltr">');
  });

  test("that is the default has to be there", () => {
    expect(() => createComposer({ from: FROM, defaultLanguage: "sv" })).toThrow(
      /no mail texts in sv: there are en, de/,
    );
  });
});

describe("the operator's", () => {
  const options: ComposerOptions = {
    from: FROM,
    overrides: {
      ...EMPTY,
      texts: new Map([
        ["en", { subject: "{{code}} is your code", signature: "" }],
        ["pt", { subject: "folder pt", title: "folder pt" }],
        ["pt-BR", { subject: "folder pt-BR" }],
      ]),
      html: new Map([["", "<p>{{greeting}} {{code}} {{link}}</p>"]]),
      organizations: new Map([
        [
          "org2",
          {
            ...EMPTY,
            texts: new Map([["pt", { title: "org pt" }]]),
            html: new Map([["pt", "<b>{{code}}</b>"]]),
            text: new Map([["", "{{code}}\n"]]),
          },
        ],
      ]),
    },
  };
  // As it goes to a thread.
  const own = createComposer(structuredClone(options));
  const of = (language: string, organizationId: string) =>
    own(mailRequest({ user: { ...mailRequest().user, preferredLanguage: language, organizationId } }));

  test("texts stand in the place of Countersign's", () => {
    expect(of("en", "org1").subject).toBe("ABC234 is your code");
    expect(of("en", "org1").text).not.toContain("Example Accounts");
    expect(of("de", "org1").subject).toBe("Bestätigen Sie Ihre E-Mail-Adresse");
  });

  test("texts for a region go before those for its language", () => {
    expect(of("pt-PT", "org1")).toMatchObject({
      subject: "folder pt",
      parts: { title: "folder pt", locale: "pt" },
    });
    expect(of("pt-BR", "org1")).toMatchObject({
      subject: "folder pt-BR",
      parts: { title: "folder pt", locale: "pt-BR", buttonText: "Confirmar endereço de e-mail" },
    });
  });

  test("organization's texts and templates go before those for all", () => {
    expect(of("pt-BR", "org2")).toMatchObject({
      subject: "folder pt-BR",
      parts: { title: "org pt" },
      html: "<b>ABC234</b>",
      text: "ABC234\n",
    });
    expect(of("de", "org2").html).toMatch(/^<p>Guten Tag/);
    expect(of("de", "org1").text).toContain("Guten Tag");
  });

  test("templates escape what they show", () => {
    const user = { ...mailRequest().user, displayName: "<b>Ada</b> & Co" };
    const link = 'https://example.com/?a="&b=1';
    expect(own(mailRequest({ user, link })).html).toBe(
      "<p>Hello &lt;b&gt;Ada&lt;/b&gt; &amp; Co, ABC234 https://example.com/?a=&quot;&amp;b=1</p>",
    );
  });

  test("language may be one that is written from right to left", () => {
    const texts = Object.fromEntries(TEXT_KEYS.map((key) => [key, `${key} {{code}}`]));
    const overrides = { ...NO_OVERRIDES, texts: new Map([["ar", texts]]) };
    const arabic = createComposer({ from: FROM, overrides })(to("ar-EG"));
    expect(arabic.html).toContain('<html lang="ar" dir="rtl">');
    expect(arabic.html).toContain('align="right"');
  });
});

describe("a display name", () => {
  test.each([
    ["markup", '<script>alert(1)</script><b>"x"</b>'],
    ["attributes", `" style="x" '`],
    ["placeholders", "{{code}} {{{link}}} <%= it %>"],
    ["umlauts and emoji", "Zoë Müller 👩‍💻"],
  ])("with %s is shown as text", (_, name) => {
    const escaped = name.replace(
      /[&<>"']/g,
      (symbol) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[symbol] ?? symbol,
    );
    expect(named(name).html).toContain(`Hello ${escaped.trim()},`);
    expect(named(name).text).toContain(`Hello ${name.trim()},`);
    expect(named(name).to).toEqual({ name: name.trim(), address: "ada@example.com" });
  });

  test.each([
    ["Ada\r\nX-Evil: yes\u2028\u202Egnp exe", "Ada X-Evil: yes gnp exe"],
    ["\u2067Ada\u2069 \u200BLove\u00ADlace\uFEFF", "Ada Lovelace"],
    ["Ada\t\u0000\uD800 L", "Ada L"],
    ["\u061Cعائشة", "عائشة"],
    ["x".repeat(200), "x".repeat(64)],
  ])("%j becomes %j", (name, shown) => {
    expect(named(name).to.name).toBe(shown);
  });

  test.each([
    "see https://evil.example",
    "evil.example.com",
    "evil.\u200Bexample",
    "evil。example",
    "write to me@evil.example",
    "WWW.EVIL",
  ])("that mail programs would turn into a link is left out: %j", (name) => {
    expect(named(name).text).toMatch(/^Hello,\n/);
    expect(named(name).to).toEqual({ name: "", address: "ada@example.com" });
  });

  test("changes neither the structure of the HTML nor adds a line to the text", () => {
    const tags = (html: string) => html.match(/<[^>]*>/g);
    const plain = named("Ada");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const mail = named(name);
        expect(tags(mail.html)).toEqual(tags(plain.html));
        expect(mail.text.split(/\r|\n|\u2028|\u2029/)).toHaveLength(plain.text.split("\n").length);
        expect(mail.to.name).not.toMatch(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u);
      }),
    );
  });
});
