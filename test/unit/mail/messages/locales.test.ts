// Every language that Countersign brings along is complete and in order.
import { describe, expect, test } from "@jest/globals";
import { BUILT_IN_LOCALES } from "../../../../src/mail/messages/built-in-locales.ts";
import { htmlProblems } from "../../../../src/mail/messages/html-safety.ts";
import { templateTags } from "../../../../src/mail/messages/logic-less-template.ts";
import { PLACEHOLDERS, TEXT_KEYS, TEXT_RULES } from "../../../../src/mail/messages/text-keys.ts";
import { HTML_TEMPLATE } from "../../../../src/mail/templates/verification.ts";

const english = BUILT_IN_LOCALES.get("en")?.texts;
const MINUTES = /minut|分|Minute/i;

test("there are ten", () => {
  expect([...BUILT_IN_LOCALES.keys()].toSorted()).toEqual([
    "de",
    "en",
    "es",
    "fr",
    "it",
    "ja",
    "nl",
    "pl",
    "pt",
    "zh",
  ]);
});

describe.each([...BUILT_IN_LOCALES])("%s", (tag, { htmlLang, formatTag, texts }) => {
  test("has every text and no other", () => {
    expect(Object.keys(texts).toSorted()).toEqual(TEXT_KEYS.toSorted());
  });

  test.each(TEXT_KEYS)("%s is within its limits and has the placeholders that it needs", (key) => {
    const text = texts[key];
    const { needs, maxLength } = TEXT_RULES[key];
    const names = templateTags(text).map(({ name }) => name);
    expect(text.trim()).toBe(text);
    expect(text).not.toBe("");
    expect(text.length).toBeLessThanOrEqual(maxLength);
    expect(Object.keys(PLACEHOLDERS)).toEqual(expect.arrayContaining(names));
    expect(names).toEqual(expect.arrayContaining([...needs]));
    expect(text).not.toMatch(/[\p{Cc}\p{Cs}]|['"] /u);
  });

  test("says when the code ends and how long it lives, and keeps it out of subject and preheader", () => {
    expect(texts.validity).toMatch(/\{\{expiry\}\}|\{\{expiryDate\}\}.*\{\{expiryTime\}\}/);
    expect(texts.validity).toContain("{{lifetime}}");
    expect(texts.subject + texts.preheader).not.toContain("{{code}}");
  });

  test("is not English", () => {
    const same = TEXT_KEYS.filter((key) => texts[key] === english?.[key]);
    expect(same).toEqual(tag === "en" ? TEXT_KEYS : ["signature"]);
  });

  test("has tags that Intl knows", () => {
    expect(new Intl.Locale(htmlLang).language).toBe(tag);
    expect(Intl.DateTimeFormat.supportedLocalesOf([formatTag])).toEqual([formatTag]);
  });

  test("counts minutes in its own words", async () => {
    const { TimeWords } = await import("../../../../src/mail/messages/time-words.ts");
    expect(new TimeWords(formatTag).duration(5 * 60_000)).toMatch(MINUTES);
  });
});

test("Countersign's own template passes the check of the operators' templates", () => {
  expect(htmlProblems(HTML_TEMPLATE)).toEqual([]);
});
