import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  LanguageChoice,
  parseAcceptLanguage,
  truncations,
} from "../../../../src/mail/messages/language-choice.ts";

describe("Accept-Language", () => {
  test.each([
    ["de", ["de"]],
    ["de-AT, de;q=0.9, en;q=0.8", ["de-AT", "de", "en"]],
    ["en;q=0.2,fr;q=0.9, ja", ["ja", "fr", "en"]],
    ["a;q=0.5, b;q=0.5", ["a", "b"]],
    ["de;q=0, en", ["en"]],
    ["de;q=0.000, en;q=1.000", ["en"]],
    ["*, en;q=0.1", ["en"]],
    ["\tde\t;\tq=0.7 , en", ["en", "de"]],
    ["de ; Q=0.7", ["de"]],
    ["", []],
    [",,, ,", []],
    ["de;q=2, en;q=-1, fr;q=0.1234, nl;q=a, pl;q, it;level=1", []],
    ["de\r\nX-Evil: yes", []],
    ["*-CH, -, de-, 1234567890, de_AT", []],
  ])("%j asks for %j", (header, ranges) => {
    expect(parseAcceptLanguage(header)).toEqual(ranges);
  });

  test("is read up to 20 entries", () => {
    const header = Array.from({ length: 30 }, (_, at) => `x-a${at}`).join(",");
    expect(parseAcceptLanguage(header)).toHaveLength(20);
  });

  test("is read up to 1,000 characters, and what is cut there is left out", () => {
    expect(parseAcceptLanguage(`en,${" ".repeat(995)}de-AT`)).toEqual(["en"]);
    expect(parseAcceptLanguage(`en,${" ".repeat(995)}de`)).toEqual(["en", "de"]);
  });

  test("of any content never throws, and gives ranges alone, by falling quality", () => {
    const part = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("de", "en-US", "*", ";q=", "0.5", "1.0", ",", " ", "zh-Hant-TW", ";", "q=0"),
    );
    const header = fc.array(part, { maxLength: 60 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(header, (text) => {
        const ranges = parseAcceptLanguage(text);
        expect(ranges.length).toBeLessThanOrEqual(20);
        for (const range of ranges) expect(range).toMatch(/^[a-z]{1,8}(-[a-z0-9]{1,8})*$/i);
      }),
    );
  });

  test("written from a list gives the list back, in the order of its qualities", () => {
    const tag = fc.constantFrom("de", "en-US", "zh-Hant-TW", "pt-BR", "sr-Latn", "x-private");
    const entry = fc.record({ tag, thousandths: fc.integer({ min: 0, max: 1_000 }) });
    const space = fc.constantFrom("", " ", "\t");
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), space, (entries, gap) => {
        const header = entries.map(
          ({ tag: range, thousandths }) => `${gap}${range};${gap}q=${(thousandths / 1_000).toFixed(3)}${gap}`,
        );
        const wanted = entries.filter(({ thousandths }) => thousandths > 0);
        const sorted = wanted
          .toSorted((a, b) => b.thousandths - a.thousandths)
          .map(({ tag: range }) => range);
        expect(parseAcceptLanguage(header.join(","))).toEqual(sorted);
      }),
    );
  });
});

describe("lookup", () => {
  const choice = new LanguageChoice(["en", "de", "pt-BR", "zh"]);

  test.each([
    [["de-AT"], "de"],
    [["DE"], "de"],
    [["de_DE"], "de"],
    [["zh-Hant-TW"], "zh"],
    [["pt-br"], "pt-BR"],
    [["pt"], undefined],
    [["sv", "pt-BR-x-variant"], "pt-BR"],
    [["sv", "de"], "de"],
    [["den"], undefined],
    [["", " ", "*", "de;q=1", "🇩🇪", "d".repeat(100)], undefined],
    [[], undefined],
  ])("of %j is %s", (ranges, tag) => {
    expect(choice.lookUp(ranges)).toBe(tag);
  });

  test("goes subtag by subtag, and past single letters with what they announce (RFC 4647 section 3.4)", () => {
    expect(truncations("zh-Hant-CN-x-private1-private2")).toEqual([
      "zh-hant-cn-x-private1-private2",
      "zh-hant-cn-x-private1",
      "zh-hant-cn",
      "zh-hant",
      "zh",
    ]);
  });

  test("of anything never throws, and finds only what there is", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("de-CH", "x", "zh-"))),
        (ranges) => {
          expect(["en", "de", "pt-BR", "zh", undefined]).toContain(choice.lookUp(ranges));
        },
      ),
    );
  });
});
