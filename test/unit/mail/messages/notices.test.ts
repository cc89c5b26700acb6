// The notice to an old address: complete in every language, and without anything to press.
import { describe, expect, test } from "@jest/globals";
import { createComposer, type MailRequest } from "../../../../src/mail/message.ts";
import { BUILT_IN_LOCALES } from "../../../../src/mail/messages/built-in-locales.ts";
import { htmlProblems } from "../../../../src/mail/messages/html-safety.ts";
import { templateTags } from "../../../../src/mail/messages/logic-less-template.ts";
import { NO_OVERRIDES } from "../../../../src/mail/messages/mail-overrides.ts";
import { NOTICE_KEYS, NOTICE_TEXTS } from "../../../../src/mail/messages/notice-texts.ts";
import { TEXT_KEYS } from "../../../../src/mail/messages/text-keys.ts";
import { NOTICE_HTML_TEMPLATE, NOTICE_TEXT_TEMPLATE } from "../../../../src/mail/templates/notice.ts";
import { mailRequest } from "../../../mail/mail-request.ts";

const FROM = { name: "Example Accounts", address: "accounts@example.org" };
const CHANGED_AT_MS = Date.UTC(2026, 10, 22, 21, 5);
const english = BUILT_IN_LOCALES.get("en")?.notice;
const MAX_SUBJECT_LENGTH = 78; // RFC 5322 section 2.1.1

function notice(changes: Partial<MailRequest> = {}): MailRequest {
  return {
    ...mailRequest(),
    user: { ...mailRequest().user, displayName: "", preferredLanguage: "" },
    kind: "notice",
    recipient: "ada@example.com",
    newAddress: "e***@evil.example",
    code: "",
    link: "",
    queuedAtMs: CHANGED_AT_MS,
    expiresAtMs: CHANGED_AT_MS + 86_400_000,
    ...changes,
  };
}

test("there is one in each of the ten languages", () => {
  expect([...BUILT_IN_LOCALES.keys()]).toHaveLength(10);
});

describe.each([...BUILT_IN_LOCALES])("%s", (tag, locale) => {
  const texts = locale.notice;
  const mail = createComposer({ from: FROM })(notice({ acceptLanguage: tag }));

  test("has every text and no other", () => {
    expect(Object.keys(texts)).toEqual(NOTICE_KEYS);
  });

  test.each(NOTICE_KEYS)("%s is clean and has the placeholders that it needs, and no others", (key) => {
    const text = texts[key];
    const names = templateTags(text).map(({ name }) => name);
    expect(text.trim()).toBe(text);
    expect(text).not.toBe("");
    expect(names).toEqual(NOTICE_TEXTS[key]);
    expect(text).not.toMatch(/[\p{Cc}\p{Cs}]|['"] /u);
  });

  test("is not English", () => {
    const same = NOTICE_KEYS.filter((key) => texts[key] === english?.[key]);
    expect(same).toEqual(tag === "en" ? NOTICE_KEYS : []);
  });

  test("has a subject that fits a line", () => {
    expect(texts.subject.length).toBeLessThanOrEqual(MAX_SUBJECT_LENGTH);
  });

  test.each(["text", "html"] as const)("says what changed, when, to what, and what to do, in %s", (part) => {
    const body = mail[part];
    expect(mail.subject).toBe(texts.subject);
    expect(body).toContain("ada@example.com");
    expect(body).toContain("e***@evil.example");
    expect(body).toMatch(/2026/);
    expect(body).toMatch(/\b(21:05|9:05)/);
    expect(body).toContain(texts.unexpected.replaceAll("{{sender}}", FROM.name));
    expect(body).toContain(texts.expected);
    expect(body).not.toMatch(/\{\{|undefined/);
  });

  test("has no link and nothing to press", () => {
    expect(mail.text + mail.html).not.toMatch(/https?:|href|<a\b|class="(?:button|code)"/);
    expect(mail.parts).toMatchObject({ locale: tag, buttonText: "" });
    expect(mail.parts?.text).toContain("e***@evil.example");
    expect(mail.html).toContain(`<html lang="${locale.htmlLang}" dir="ltr">`);
  });
});

test("its own template passes the check of the operators' templates", () => {
  expect(htmlProblems(NOTICE_HTML_TEMPLATE)).toEqual([]);
  for (const template of [NOTICE_HTML_TEMPLATE, NOTICE_TEXT_TEMPLATE]) {
    expect(templateTags(template).map(({ name }) => name)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^(?:code|link|name)$/)]),
    );
  }
});

test("names and addresses cannot write anything into it", () => {
  const mail = createComposer({ from: { name: "A <b>&", address: "a@example.org" } })(
    notice({
      recipient: '"<img src=x>"@example.com',
      newAddress: "e***@evil.example\r\nX: y {{code}} <script>\u202Eabc",
    }),
  );
  expect(mail.html).not.toMatch(/<img|<script|<b>/);
  expect(mail.text).toContain("e***@evil.example X: y {{code}} <script>abc\n");
  expect(mail.text + mail.html).not.toMatch(/\u202E/);
});

describe("language", () => {
  const texts = Object.fromEntries(TEXT_KEYS.map((key) => [key, `${key} {{code}}`]));
  const overrides = { ...NO_OVERRIDES, texts: new Map([["sv", texts]]) };

  test.each([
    ["the first that there is", "en", "xx,fr;q=0.9,de;q=0.8", "fr"],
    ["a region's language", "en", "pt-BR", "pt"],
    ["the default, where there is none", "de", "xx", "de"],
    ["the default, where nothing is said", "ja", "", "ja"],
    ["English, where the default is the operator's own", "sv", "sv", "en"],
  ])("%s", (_row, defaultLanguage, acceptLanguage, expected) => {
    const compose = createComposer({ from: FROM, defaultLanguage, overrides });
    expect(compose(notice({ acceptLanguage })).parts?.locale).toBe(expected);
  });
});

test("it comes under the id of its delivery, dated at the change, and says that nobody wrote it", () => {
  const mail = createComposer({ from: FROM })(notice({ deliveryId: "d1" }));
  expect(mail.messageId).toBe("<d1@example.org>");
  expect(mail.headers).toMatchObject({
    Date: "Sun, 22 Nov 2026 21:05:00 +0000",
    "Auto-Submitted": "auto-generated",
  });
  expect(mail.to).toEqual({ name: "", address: "ada@example.com" });
});
