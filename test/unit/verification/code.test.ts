import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { UNAMBIGUOUS_ALPHABET, drawCode, matchesMac, normalizeCode } from "../../../src/verification/code.ts";
import { mac } from "./new-code.ts";

/** Yields these bytes over and over, as many as asked for. */
function cycle(bytes: Iterable<number>) {
  const all = [...bytes];
  let next = 0;
  return (count: number) => Uint8Array.from({ length: count }, () => all[next++ % all.length] ?? 0);
}

/** `symbols` different characters. */
function alphabetOf(symbols: number): string {
  return String.fromCharCode(...Array.from({ length: symbols }, (_, index) => 0x100 + index));
}

describe("drawCode", () => {
  test("every code has the length and the alphabet asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 256 }),
        fc.nat({ max: 40 }),
        // Byte 0 counts for every alphabet, so the draw ends.
        fc.array(fc.nat({ max: 255 })).map((bytes) => [...bytes, 0]),
        (symbols, length, bytes) => {
          const alphabet = alphabetOf(symbols);
          const code = drawCode(alphabet, length, cycle(bytes));
          expect(code).toHaveLength(length);
          expect(code.split("").every((symbol) => alphabet.includes(symbol))).toBe(true);
        },
      ),
    );
  });

  // 10 digits and 36 letters and digits leave a remainder; ZITADEL never draws the last symbol.
  test.each([2, 3, 10, 31, 32, 36, 62, 89, 127, 129, 255, 256])(
    "%i symbols: each is as likely as the others, the last one too",
    (symbols) => {
      const alphabet = alphabetOf(symbols);
      // All bytes twice: the second time shows whether those past the last whole round were passed over.
      const rounds = 2 * Math.floor(256 / symbols);
      const code = drawCode(alphabet, rounds * symbols, cycle(Array(256).keys()));
      const counts = new Map<string, number>();
      for (const symbol of code) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
      expect(counts).toEqual(new Map(alphabet.split("").map((symbol) => [symbol, rounds])));
    },
  );

  test.each(["", "A", alphabetOf(257)])("an alphabet of $length symbols is refused", (alphabet) => {
    expect(() => drawCode(alphabet, 6, cycle([0]))).toThrow(RangeError);
  });

  test("the default alphabet has 32 different symbols and none that people confuse", () => {
    expect(new Set(UNAMBIGUOUS_ALPHABET).size).toBe(32);
    expect(UNAMBIGUOUS_ALPHABET).not.toMatch(/[IO01]/);
  });
});

describe("normalizeCode", () => {
  const DIGITS = "0123456789";

  test.each([
    ["as drawn", "AB3D5F", UNAMBIGUOUS_ALPHABET, "AB3D5F"],
    ["in groups", " AB3 D5F ", UNAMBIGUOUS_ALPHABET, "AB3D5F"],
    ["in small letters", "ab3d5f", UNAMBIGUOUS_ALPHABET, "AB3D5F"],
    ["in capitals, of small letters", "AB3D5F", "abcdef23456789", "ab3d5f"],
    ["a dash between groups", "AB3-D5F", UNAMBIGUOUS_ALPHABET, "AB3D5F"],
    ["other dashes", "A\u2010B\u2011 3\u2012D\u20135\u2014F\u2212", UNAMBIGUOUS_ALPHABET, "AB3D5F"],
    ["no-break, thin and wide spaces", "12\u00a034\u200956\u3000", DIGITS, "123456"],
    ["line breaks and tabs of a pasted mail", "\r\n\t123456\n", DIGITS, "123456"],
    ["what nobody sees", "\ufeff12\u200b34\u00ad56\u202c", DIGITS, "123456"],
    ["wide letters and digits of an input method", "ＡＢ３－４５６", UNAMBIGUOUS_ALPHABET, "AB3456"],
    ["letters of both cases differ", "aB-c", "abcABC", "aBc"],
    ["an alphabet with a hyphen keeps it", "A-B\u2013C", "ABC-", "A-B-C"],
    ["letters that others are made of stay others", "\u0131\u00df", UNAMBIGUOUS_ALPHABET, "\u0131\u00df"],
    ["nothing but dashes and spaces", " \u2013 ", UNAMBIGUOUS_ALPHABET, ""],
  ])("%s", (_row, submitted, alphabet, expected) => {
    expect(normalizeCode(submitted, alphabet)).toBe(expected);
  });

  /** Printable ASCII without the space. */
  const symbol = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
  const alphabets = fc
    .uniqueArray(symbol, { minLength: 2, maxLength: 94 })
    .map((symbols) => symbols.join(""));
  const drawn = alphabets.chain((alphabet) =>
    fc.record({
      alphabet: fc.constant(alphabet),
      code: fc
        .array(fc.constantFrom(...alphabet.split("")), { minLength: 4, maxLength: 20 })
        .map((symbols) => symbols.join("")),
    }),
  );

  test("whatever the alphabet, a code as drawn stays as it is", () => {
    fc.assert(
      fc.property(drawn, ({ alphabet, code }) => {
        expect(normalizeCode(code, alphabet)).toBe(code);
      }),
    );
  });

  test("spaces anywhere and, of one case, any case: the same code", () => {
    const space = fc.constantFrom("", "", " ", "\u00a0", "\u2009", "\u200b", "\n");
    const spelled = fc
      .array(fc.tuple(fc.constantFrom(...UNAMBIGUOUS_ALPHABET.split("")), fc.boolean(), space), {
        maxLength: 20,
      })
      .map((parts) => ({
        code: parts.map(([letter]) => letter).join(""),
        submitted: parts
          .map(([letter, isSmall, gap]) => (isSmall ? letter.toLowerCase() : letter) + gap)
          .join(""),
      }));
    fc.assert(
      fc.property(spelled, ({ code, submitted }) => {
        expect(normalizeCode(submitted, UNAMBIGUOUS_ALPHABET)).toBe(code);
      }),
    );
  });

  test("different codes of one alphabet stay different", () => {
    const pair = alphabets.chain((alphabet) => {
      const code = fc.array(fc.constantFrom(...alphabet.split("")), { minLength: 4, maxLength: 6 });
      return fc.tuple(fc.constant(alphabet), code, code);
    });
    fc.assert(
      fc.property(pair, ([alphabet, one, other]) => {
        const same = normalizeCode(one.join(""), alphabet) === normalizeCode(other.join(""), alphabet);
        expect(same).toBe(one.join("") === other.join(""));
      }),
    );
  });
});

describe("matchesMac", () => {
  const { keyId } = mac("CODE");

  test.each([
    ["the same", [mac("CODE")], true],
    ["one of several, first", [mac("CODE"), mac("WRONG")], true],
    ["one of several, last", [mac("CODE", "key1"), mac("CODE")], true],
    ["another code", [mac("WRONG")], false],
    ["the same code under another key", [mac("CODE", "key1")], false],
    ["the same bytes, but of another key", [{ ...mac("CODE"), keyId: "key1" }], false],
    ["a prefix", [{ keyId, mac: mac("CODE").mac.slice(0, 8) }], false],
    ["an extension", [{ keyId, mac: Buffer.from(`${mac("CODE").mac}x`).toString("base64") }], false],
    ["an empty one", [{ keyId, mac: "" }], false],
    ["none", [], false],
  ])("%s", (_row, candidates, expected) => {
    expect(matchesMac(mac("CODE"), candidates)).toBe(expected);
  });
});
