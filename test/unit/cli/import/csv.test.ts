// CSV: whatever is written by RFC 4180 is read again, however the text is cut into chunks, and whatever else comes is
// told with its line, without a row too many or too few.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { CsvError, csvRecords, type CsvRecord } from "../../../../src/cli/import/csv.ts";

const MAX_LENGTH = 1_000;

/** Fields that are all there is to fear: separators, quotes, line ends, text of many scripts. */
const field = fc.oneof(
  fc.string({ unit: fc.constantFrom(",", '"', "\n", "\r", " ", "a", "é", "\u{1F600}") }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
);
const records = fc.array(fc.array(field, { minLength: 1, maxLength: 5 }), { maxLength: 8 });
const lineEnd = fc.constantFrom("\n", "\r\n");

test("what is written is read, in whatever chunks", async () => {
  await fc.assert(
    fc.asyncProperty(
      records,
      lineEnd,
      fc.boolean(),
      fc.array(fc.nat(40)),
      async (rows, end, isOpen, cuts) => {
        const text = rows.map((row) => row.map(quoted).join(",")).join(end) + (isOpen ? "" : end);
        const read = await all(text, cuts);
        expect(read.map(({ fields }) => fields)).toEqual(rows);
        expect(read.every(({ problem }) => problem === undefined)).toBe(true);
      },
    ),
  );
});

test("of any text each line is in one record, and chunks make no difference", async () => {
  const anyText = fc.string({ unit: fc.constantFrom(",", '"', "\n", "\r", "a", "b") });
  await fc.assert(
    fc.asyncProperty(anyText, fc.array(fc.nat(5)), async (text, cuts) => {
      const whole = await outcome(text, []);
      expect(await outcome(text, cuts)).toEqual(whole);
      const raws = whole.records.map(({ raw }) => raw).join("");
      // Empty lines are passed over, and what follows a quote that stays open is not read.
      const withoutEmpty = (lines: string) => lines.replaceAll(/^\r?\n/gm, "").replace(/[\r\n]*$/, "");
      if (whole.error === undefined) expect(withoutEmpty(raws)).toBe(withoutEmpty(text));
      for (const { line, raw } of whole.records) {
        expect(
          text
            .split("\n")
            .slice(line - 1)
            .join("\n")
            .startsWith(raw),
        ).toBe(true);
      }
    }),
  );
});

describe("records that cannot be read", () => {
  test.each<[string, string, (string | undefined)[]]>([
    ["text after a closing quote", '"a"b,c\nd,e\n', ['has text after a closing quote (")', undefined]],
    ["a space after a closing quote", '"a" ,c\nd\n', ['has text after a closing quote (")', undefined]],
    [
      "a quote within",
      'a"b,c\nd,e\n',
      ['has a quote (") within a field that does not begin with one', undefined],
    ],
    ["a carriage return within", "a\rb,c\n", [undefined]],
    ["a doubled quote", '"a""b"\n', [undefined]],
  ])("%s costs no other", async (_, text, problems) => {
    expect((await all(text, [])).slice(0, problems.length).map(({ problem }) => problem)).toEqual(problems);
  });

  test.each([
    [
      "a quote that is never closed",
      'a,b\n\n"c,d\ne,f\n',
      'the row on line 3 never ends: is a quote (") opened there and not closed?',
    ],
    [
      "a record that is too long",
      `a\n"${"x".repeat(2 * MAX_LENGTH)}"\n`,
      'the row on line 2 has more than 1,000 characters: is a quote (") opened there and not closed?',
    ],
  ])("%s ends the reading, and says where", async (_, text, message) => {
    const { records: before, error } = await outcome(text, []);
    expect(before).toHaveLength(1);
    expect(error).toBe(message);
  });

  test("no more than the limit is kept of an endless record", async () => {
    let given = 0;
    async function* endless() {
      yield '"';
      for (;;) {
        given += 100;
        yield "x".repeat(100);
      }
    }
    await expect(collect(csvRecords(endless(), MAX_LENGTH))).rejects.toThrow(CsvError);
    expect(given).toBeLessThan(2 * MAX_LENGTH);
  });
});

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

async function outcome(text: string, cuts: readonly number[]) {
  const found: CsvRecord[] = [];
  try {
    for await (const record of csvRecords(chunks(text, cuts), MAX_LENGTH)) found.push(record);
    return { records: found, error: undefined };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { records: found, error: error.message };
  }
}

function all(text: string, cuts: readonly number[]): Promise<CsvRecord[]> {
  return collect(csvRecords(chunks(text, cuts), 1_000_000));
}

async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

/** @param sizes of the first chunks; the last one is the rest */
async function* chunks(text: string, sizes: readonly number[]): AsyncGenerator<string> {
  let at = 0;
  for (const size of sizes) {
    yield await Promise.resolve(text.slice(at, at + size));
    at += size;
  }
  yield text.slice(at);
}
