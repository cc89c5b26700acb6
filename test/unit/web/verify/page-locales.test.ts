// The page's words: complete in every language that mails come in, and said in that language.
import { describe, expect, test } from "@jest/globals";
import { BUILT_IN_LOCALES } from "../../../../src/mail/messages/built-in-locales.ts";
import { PAGE_LOCALES, pageLocale } from "../../../../src/web/verify/page-locales.ts";

const english = pageLocale("en").texts;
const KEYS = Object.keys(english).toSorted() as (keyof typeof english)[];
/** Of its address line, which the browser shows too. */
const HOST_KEYS = ["onward", "redirecting"];

test("there is a page for every mail", () => {
  expect([...PAGE_LOCALES.keys()].toSorted()).toEqual([...BUILT_IN_LOCALES.keys()].toSorted());
  for (const [tag, { htmlLang }] of PAGE_LOCALES) expect(htmlLang).toBe(BUILT_IN_LOCALES.get(tag)?.htmlLang);
});

test("an unknown language is answered in English", () => {
  expect(pageLocale("tlh")).toBe(pageLocale("en"));
});

describe.each([...PAGE_LOCALES])("%s", (tag, { texts }) => {
  test("has all texts, whole", () => {
    expect(Object.keys(texts).toSorted()).toEqual(KEYS);
    for (const key of KEYS) {
      expect(texts[key].trim()).toBe(texts[key]);
      expect(texts[key]).not.toBe("");
      expect(texts[key].match(/\{\{.*?\}\}/g) ?? []).toEqual(HOST_KEYS.includes(key) ? ["{{host}}"] : []);
    }
  });

  test("leaves nothing in English, and says nothing twice", () => {
    const values = KEYS.map((key) => texts[key]);
    const doubled = values.filter((text, index) => values.indexOf(text) !== index);
    expect(doubled).toEqual([]);
    if (tag !== "en") expect(KEYS.filter((key) => texts[key] === english[key])).toEqual([]);
  });

  test("calls the button what the mail calls it", () => {
    expect(texts.button).toBe(BUILT_IN_LOCALES.get(tag)?.texts.button);
    expect(texts.title).toBe(BUILT_IN_LOCALES.get(tag)?.texts.title);
  });
});
