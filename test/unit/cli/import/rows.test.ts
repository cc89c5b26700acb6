// Rows of both formats: from bytes to columns, each line told apart from the others whatever is wrong with it.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { csvRows } from "../../../../src/cli/import/csv-rows.ts";
import { MAX_ROW_LENGTH, textOf, type InputRow } from "../../../../src/cli/import/input-rows.ts";
import { ndjsonRows } from "../../../../src/cli/import/ndjson-rows.ts";
import { CommandError } from "../../../../src/cli/service.ts";

const HEADER = "email,given_name,family_name";

describe("NDJSON", () => {
  test("every line that is not blank is one row, in whatever chunks the bytes come", async () => {
    const line = fc.oneof(
      fc.string({ unit: "binary" }).map((text) => text.replaceAll("\n", "")),
      fc.json(),
      fc.constantFrom("", " ", "\r", "{}", '{"email":"é@example.org"}'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.array(fc.nat(9)), async (lines, cuts) => {
        const rows = await ndjson(lines.join("\n"), cuts);
        const expected = lines
          .map((text, at) => ({ text, line: at + 1 }))
          .filter(({ text }) => text.trim() !== "");
        expect(rows.map((row) => row.line)).toEqual(expected.map((each) => each.line));
        expect(rows.map((row) => row.number)).toEqual(expected.map((_, at) => at + 1));
      }),
    );
  });

  test.each([
    ["nothing", ""],
    ["a number", "7"],
    ["null", "null"],
    ["a list", "[1]"],
    ["half of an object", '{"email":'],
    ["two objects", '{"email":"a"} {"email":"b"}'],
    ["an unknown member", '{"nick":1}'],
    ["an inherited name", '{"__proto__":1}'],
    ["a member twice, spelled differently", '{"givenName":"a","given_name":"b"}'],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["too long a line", `{"email":"${"x".repeat(MAX_ROW_LENGTH)}"}`],
  ])("%s on a line costs no other", async (what, bytes) => {
    const good = Buffer.from('{"email":"ada@example.org"}\n');
    const rows = await ndjson(Buffer.concat([good, Buffer.from(bytes), Buffer.from("\r\n"), good]));
    const kinds = rows.map(({ content }) => content.kind);
    expect(kinds).toEqual(what === "nothing" ? ["values", "values"] : ["values", "broken", "values"]);
    expect(rows.at(-1)).toMatchObject({ line: 3 });
  });

  test("a character whose bytes come in two chunks is whole", async () => {
    const text = '{"given_name":"é\u{1F600}"}';
    for (let cut = 0; cut < Buffer.byteLength(text); cut++) {
      const [row] = await ndjson(text, [cut]);
      expect(valuesOf(row)).toEqual({ given_name: "é\u{1F600}" });
    }
  });

  test("a line without end is told without being kept", async () => {
    const chunk = Buffer.alloc(MAX_ROW_LENGTH, "x");
    let chunks = 0;
    async function* endless() {
      while (chunks < 1_000) {
        chunks += 1;
        yield await Promise.resolve(chunk);
      }
    }
    const before = process.memoryUsage().heapUsed;
    const [row] = await collect(ndjsonRows(textOf(endless()), false));
    expect(row).toMatchObject({
      raw: "",
      content: { kind: "broken", problem: "has more than 65,536 characters" },
    });
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(chunks * MAX_ROW_LENGTH);
  });

  test("unknown members may be passed over", async () => {
    const rows = await collect(ndjsonRows(textOf(bytesOf('{"nick":1,"email":"a"}')), true));
    expect(rows[0]?.content).toEqual({ kind: "values", values: new Map([["email", "a"]]) });
  });
});

describe("CSV", () => {
  test("the header names the columns as people spell them, after a byte order mark", async () => {
    const rows = await csv("\uFEFFE-Mail,Given Name,familyName,IS_VERIFIED\r\na@example.org,A,B,true\r\n");
    expect(rows).toMatchObject([{ number: 1, line: 2 }]);
    expect(valuesOf(rows[0])).toEqual({
      email: "a@example.org",
      given_name: "A",
      family_name: "B",
      verified: "true",
    });
  });

  test("line numbers go on over line breaks in quotes and empty lines", async () => {
    const rows = await csv(`${HEADER}\n\na,"x\ny",b\r\n\r\nc,d,e`);
    expect(rows.map(({ number, line }) => ({ number, line }))).toEqual([
      { number: 1, line: 3 },
      { number: 2, line: 6 },
    ]);
  });

  test.each([
    ["too few fields", "a,b", "has 2 fields, and the header 3"],
    ["too many fields", "a,b,c,d", "has 4 fields, and the header 3"],
    ["a misplaced quote", 'a,b"c,d', 'has a quote (") within a field that does not begin with one'],
  ])("%s", async (_, line, problem) => {
    const rows = await csv(`${HEADER}\n${line}\na,b,c\n`);
    expect(rows.map(({ content }) => content)).toMatchObject([
      { kind: "broken", problem },
      { kind: "values" },
    ]);
  });

  test.each([
    ["", "the input is empty: CSV begins with a header"],
    ["\n\n", "the input is empty: CSV begins with a header"],
    ["email,given_name\n", "the header lacks family_name"],
    [`${HEADER},Email\n`, "the header has email twice"],
    [`${HEADER},nick\n`, /^there is no column "nick"; there are email, .*--ignore-unknown/],
    [
      "email;given_name;family_name\n",
      "the header has no comma: save the file with commas between the fields",
    ],
    [
      "email\tgiven_name\tfamily_name\n",
      "the header has no comma: save the file with commas between the fields",
    ],
    [`${HEADER}\ra,b,c\r`, "the lines end with CR alone: save the file with LF or CRLF at their ends"],
    [Buffer.from(`\uFEFF${HEADER}\n`, "utf16le"), "the header is not UTF-8"],
  ])("the header %j is refused", async (text, message) => {
    const refusal = await csv(text).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CommandError);
    expect(refusal).toMatchObject({ exitCode: 2 });
    if (typeof message === "string") expect(refusal).toMatchObject({ message });
    else expect((refusal as CommandError).message).toMatch(message);
  });

  test("unknown columns may be passed over", async () => {
    const rows = await collect(csvRows(textOf(bytesOf(`${HEADER},nick\na,b,c,d\n`)), true));
    expect(valuesOf(rows[0])).toEqual({ email: "a", given_name: "b", family_name: "c" });
  });
});

function ndjson(text: string | Uint8Array, cuts: readonly number[] = []): Promise<InputRow[]> {
  return collect(ndjsonRows(textOf(bytesOf(text, cuts)), false));
}

function csv(text: string | Uint8Array): Promise<InputRow[]> {
  return collect(csvRows(textOf(bytesOf(text)), false));
}

function valuesOf(row: InputRow | undefined): unknown {
  return row?.content.kind === "values" ? Object.fromEntries(row.content.values) : undefined;
}

async function collect<T>(from: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of from) items.push(item);
  return items;
}

/** @param sizes of the first chunks, which may cut a character in two */
async function* bytesOf(
  text: string | Uint8Array,
  sizes: readonly number[] = [],
): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of sizes) {
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
  yield bytes.subarray(at);
}
