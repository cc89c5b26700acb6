// Messages for a descriptor, in bytes and in JSON: right in form for the most part, and wild in what they say.
import { ScalarType, type DescField, type DescMessage } from "@bufbuild/protobuf";
import type { Random } from "../support/random.ts";

const MAX_DEPTH = 4;
const FIELD_PROBABILITY = 0.45;
/** Of a field that is written as another type than its own. */
const WRONG_TYPE_PROBABILITY = 0.04;

const TEXTS = [
  "",
  " ",
  "x",
  "ada@example.com",
  "Ada <ada@example.com>",
  "ä@bücher.example",
  "a".repeat(200),
  "a".repeat(201),
  "𝒳".repeat(200),
  "\u0000",
  "a\r\nb: c",
  "\u202e\u200b\ufeff",
  "' OR 1=1 --",
  "%00%0d%0a",
  "../../etc/passwd",
  "https://example.com/{{.Code}}",
  "https://example.com/?u={{.UserID}}&c={{.Code | urlquery}}",
  "{{range .}}{{end}}",
  "{{".repeat(60),
  "ABC234",
  "und",
  "<script>alert(1)</script>",
  "__proto__",
];
/** Cannot be said in bytes. */
const JSON_TEXTS = ["\ud800", "\udfff\ud800"];

/** Ids of users that exist, so that not everything ends at "not found". */
export interface Known {
  readonly userIds: readonly string[];
  readonly organizationId: string;
}

function text(field: DescField, random: Random, known: Known): string {
  if (/user_ids?$/.test(field.name) && random.chance(0.6)) return random.pick(known.userIds);
  if (/^org(anization)?_id$/.test(field.name) && random.chance(0.6)) return known.organizationId;
  if (field.name === "email" && random.chance(0.5)) return `user-${random.below(1e6)}@example.com`;
  return random.pick(TEXTS);
}

// --- JSON ---------------------------------------------------------------------------------------------------------

export function randomJson(schema: DescMessage, random: Random, known: Known, depth = 0): unknown {
  const json: Record<string, unknown> = {};
  for (const field of schema.fields) {
    if (depth > MAX_DEPTH || !random.chance(FIELD_PROBABILITY)) continue;
    const name = random.chance(0.9) ? field.jsonName : field.name;
    json[name] = random.chance(WRONG_TYPE_PROBABILITY)
      ? random.pick([null, true, 1, -1, 1.5, 1e300, "", [], {}, [null], [[]], "x"])
      : jsonValue(field, random, known, depth);
  }
  if (random.chance(0.05)) json["unknownField"] = { a: [1, "2", null] };
  return json;
}

function jsonValue(field: DescField, random: Random, known: Known, depth: number): unknown {
  const one = () => {
    if (field.message !== undefined) return randomJson(field.message, random, known, depth + 1);
    if (field.enum !== undefined) {
      return random.pick([...field.enum.values.map(({ name }) => name), 0, 1, 99, -1, "NOTHING"]);
    }
    switch (field.scalar) {
      case ScalarType.STRING:
        return random.chance(0.02) ? random.pick(JSON_TEXTS) : text(field, random, known);
      case ScalarType.BOOL:
        return random.pick([true, false]);
      case ScalarType.BYTES:
        return random.pick(["", "AAAA", "a", "-_", "====", "!"]);
      default:
        return random.pick([
          0,
          1,
          10,
          1_000,
          "3",
          2 ** 32,
          2 ** 64,
          -1,
          0.5,
          "1e1",
          "0x1",
          "18446744073709551616",
        ]);
    }
  };
  return field.fieldKind === "list" ? Array.from({ length: random.below(4) }, one) : one();
}

// --- protobuf -----------------------------------------------------------------------------------------------------

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

export function randomProtobuf(schema: DescMessage, random: Random, known: Known, depth = 0): Buffer {
  const parts: Buffer[] = [];
  for (const field of schema.fields) {
    if (depth > MAX_DEPTH || !random.chance(FIELD_PROBABILITY)) continue;
    const times = field.fieldKind === "list" ? random.below(4) : 1;
    for (let count = 0; count < times; count++) parts.push(fieldBytes(field, random, known, depth));
  }
  if (random.chance(0.05)) parts.push(tag(1 + random.below(5_000), VARINT), varint(random.below(1_000)));
  return Buffer.concat(parts);
}

function fieldBytes(field: DescField, random: Random, known: Known, depth: number): Buffer {
  if (random.chance(WRONG_TYPE_PROBABILITY)) {
    const wireType = random.below(8);
    return Buffer.concat([tag(field.number, wireType), random.bytes(random.below(12))]);
  }
  const delimited = (bytes: Buffer) =>
    Buffer.concat([tag(field.number, LENGTH), varint(bytes.length), bytes]);
  if (field.message !== undefined) return delimited(randomProtobuf(field.message, random, known, depth + 1));
  if (field.enum !== undefined) {
    return Buffer.concat([tag(field.number, VARINT), varint(random.pick([0, 1, 2, 3, 99, 0xffff_ffff]))]);
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return delimited(random.chance(0.02) ? random.bytes(8) : Buffer.from(text(field, random, known)));
    case ScalarType.BYTES:
      return delimited(random.bytes(random.below(20)));
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return Buffer.concat([tag(field.number, FIXED64), random.bytes(8)]);
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return Buffer.concat([tag(field.number, FIXED32), random.bytes(4)]);
    default:
      return Buffer.concat([
        tag(field.number, VARINT),
        varint(random.pick([0, 1, 2, 10, 1_001, 0xffff_ffff])),
      ]);
  }
}

function tag(number: number, wireType: number): Buffer {
  return varint(number * 8 + wireType);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) | 0x80);
  }
}
