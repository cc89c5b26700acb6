// What can be wrong or unusual about a request, one thing each.
import {
  ScalarType,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
} from "@bufbuild/protobuf";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Random } from "../support/random.ts";
import { frame, type MethodName } from "../support/wire-formats.ts";
import { inputOf, isFramed, type Draft, type WireKind } from "./wire-kinds.ts";
import type { World } from "./world.ts";

/** When the mutation sees the draft: before it is encoded, encoded, framed, or with everything in place. */
export type Stage = "message" | "payload" | "body" | "request";

export interface Mutation {
  readonly name: string;
  readonly stage: Stage;
  readonly fits: (kind: WireKind) => boolean;
  /** The only calls to try it with: connect-node executes what the direct path refuses, and nothing may change by that. */
  readonly methods?: readonly MethodName[];
  /** Changes the draft in place. @returns false when there is nothing in this message to change */
  readonly apply: (draft: Draft, random: Random, world: World) => void | false;
}

const MIB = 1024 * 1024;
const FRAME_PREFIX_BYTES = 5;

// --- the message: every kind of field gets every kind of wrong value ----------------------------------------------

interface FieldPlace {
  readonly parent: JsonObject;
  readonly field: DescField;
}

/** Fields of the message and of what it contains, with the objects that hold them. */
function fieldsOf(schema: DescMessage, parent: JsonObject, depth = 0): FieldPlace[] {
  return schema.fields.flatMap((field) => {
    const here = { parent, field };
    if (field.fieldKind !== "message" || depth === 3) return [here];
    const child = parent[field.jsonName];
    const isPresent = typeof child === "object" && child !== null && !Array.isArray(child);
    return isPresent ? [here, ...fieldsOf(field.message, child, depth + 1)] : [here];
  });
}

/** JSON with both members of a oneof is refused; that is a mutation of its own. */
function setField({ parent, field }: FieldPlace, value: JsonValue): void {
  for (const other of field.oneof?.fields ?? []) delete parent[other.jsonName];
  parent[field.jsonName] = value;
}

function fieldMutation(
  label: string,
  accepts: (field: DescField) => boolean,
  values: readonly JsonValue[],
): Mutation {
  return {
    name: `message: ${label}`,
    stage: "message",
    fits: () => true,
    apply({ method, message }, random) {
      const places = fieldsOf(inputOf(method), message).filter(({ field }) => accepts(field));
      if (places.length === 0) return false;
      return setField(random.pick(places), random.pick(values));
    },
  };
}

const isText = (field: DescField) => field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
const isEmail = (field: DescField) => field.name === "email" && isText(field);
const isMessageField = (field: DescField) => field.fieldKind === "message";

const messageMutations: readonly Mutation[] = [
  fieldMutation("empty text", isText, [""]),
  fieldMutation("blank text", isText, [" ", "\t", "\u00a0", "\u200b"]),
  fieldMutation("the longest text allowed", isText, ["x".repeat(200), "𝒳".repeat(200)]),
  fieldMutation("text too long", isText, ["x".repeat(201), "𝒳".repeat(201), "é".repeat(5_000)]),
  fieldMutation("unusual text", isText, [
    "\u0000",
    "a\nb",
    "\u202eabc",
    "e\u0301",
    "\ufeff",
    "\ufffe",
    "%2F",
    "null",
  ]),
  fieldMutation("another address", isEmail, [
    "Ada <ada@example.com>",
    "ada",
    "@example.com",
    "ada@",
    "ada@example.com,bob@example.com",
    "ÅDA@exämple.com",
    " ada@example.com ",
    `${"a".repeat(65)}@example.com`,
    '"a b"@example.com',
    "ada@[127.0.0.1]",
  ]),
  fieldMutation("a link template", (field) => field.name === "url_template", [
    "https://example.com/{{.Nobody}}",
    "https://example.com/{{.Code",
    "ftp://example.com/{{.Code}}",
    "https://user:password@example.com/",
    "https://{{.Code}}.example.com/",
    "{{.Code}}",
    "https://example.com/{{.Code | urlquery}}",
  ]),
  fieldMutation("a code", (field) => field.name === "verification_code", [
    "abc234",
    "ABC23",
    "ABC2345",
    "ÄÖÜ",
  ]),
  fieldMutation("false where true is asked for", (field) => field.name === "is_verified", [false]),
  fieldMutation(
    "an enum's number",
    (field) => field.enum !== undefined && field.fieldKind === "enum",
    [1, 99, -1, 2_147_483_647],
  ),
  fieldMutation(
    "a whole number",
    (field) => field.fieldKind === "scalar" && [4, 13].includes(field.scalar),
    [0, 1, 1_000, 1_001, 4_294_967_295],
  ),
  fieldMutation("an empty message", isMessageField, [{}]),
  {
    name: "message: a field less",
    stage: "message",
    fits: () => true,
    apply({ method, message }, random) {
      const present = fieldsOf(inputOf(method), message).filter(
        ({ parent, field }) => field.jsonName in parent,
      );
      if (present.length === 0) return false;
      const { parent, field } = random.pick(present);
      delete parent[field.jsonName];
      return undefined;
    },
  },
  {
    name: "message: a field of a part that is not served",
    stage: "message",
    fits: () => true,
    apply({ method, message }, random) {
      const human = message["human"];
      const target = typeof human === "object" && human !== null ? (human as JsonObject) : message;
      const fields: Record<string, readonly JsonObject[]> = {
        AddHumanUser: [
          { phone: { phone: "+411234" } },
          { password: { password: "secret", changeRequired: true } },
          { hashedPassword: { hash: "x" } },
          { totpSecret: "ABCDEF" },
          { metadata: [{ key: "a", value: "Yg==" }] },
          { idpLinks: [{ idpId: "1", userId: "2", userName: "3" }] },
          { organization: { orgDomain: "example.com" } },
        ],
        CreateUser: [
          { phone: { phone: "+411234" } },
          { password: { password: "secret" } },
          { totpSecret: "A" },
        ],
        UpdateHumanUser: [
          { phone: { phone: "+411234" } },
          { password: { password: { password: "secret" } } },
        ],
        UpdateUser: [{ machine: { name: "robot" } }],
        ListUsers: [{ queries: [{ phoneQuery: { number: "+41" } }] }],
      };
      const choice = fields[method];
      if (choice === undefined) return false;
      const chosen = random.pick(choice);
      if ("machine" in chosen) delete message["human"];
      Object.assign("machine" in chosen ? message : target, chosen);
      return undefined;
    },
  },
  {
    name: "message: nested queries",
    stage: "message",
    fits: () => true,
    apply({ method, message }, random) {
      if (method !== "ListUsers") return false;
      let query: JsonObject = { typeQuery: { type: "TYPE_HUMAN" } };
      for (let depth = random.pick([5, 19, 20, 60]); depth > 0; depth--) query = { notQuery: { query } };
      message["queries"] = [query];
      return undefined;
    },
  },
  {
    name: "message: another user's name",
    stage: "message",
    fits: () => true,
    apply({ method, message }) {
      if (method !== "AddHumanUser" && method !== "UpdateUser") return false;
      message["username"] = "name-2";
      return undefined;
    },
  },
];

// --- JSON ---------------------------------------------------------------------------------------------------------

function jsonMutation(
  label: string,
  apply: (json: JsonObject, random: Random) => Buffer | string | false,
): Mutation {
  return {
    name: `JSON: ${label}`,
    stage: "payload",
    fits: ({ encoding }) => encoding === "json",
    apply(draft, random) {
      const text = apply(structuredClone(draft.message), random);
      if (text === false) return false;
      draft.payload = Buffer.from(text);
      return undefined;
    },
  };
}

function textMutation(label: string, change: (text: string, random: Random) => Buffer | string): Mutation {
  return jsonMutation(label, (json, random) => change(JSON.stringify(json), random));
}

/** The field of the given type gets each of the values. */
function wrongType(label: string, values: readonly JsonValue[]): Mutation {
  return jsonMutation(label, (json, random) => {
    const names = Object.keys(json);
    if (names.length === 0) return false;
    json[random.pick(names)] = random.pick(values);
    return JSON.stringify(json);
  });
}

const jsonMutations: readonly Mutation[] = [
  jsonMutation("unknown fields", (json) =>
    JSON.stringify({ ...json, unknownField: { deep: [1, { a: null }] }, "": 0 }),
  ),
  jsonMutation("an unknown field twice", (json) => JSON.stringify(json).replace(/^\{/, '{"u":1,"u":2,')),
  textMutation("a key twice", (text) =>
    text.replace(/^\{("\w+":(?:"[^"]*"|\{\})),?/, "{$1,$1,").replace(/,\}/, "}"),
  ),
  textMutation("a key twice with different values", (text) =>
    text.replace(/^\{/, '{"userId":"other","email":null,'),
  ),
  jsonMutation("both names of a field", (json) =>
    JSON.stringify({ user_id: "other", ...json, user_name: "x", verification_code: "ABC234" }),
  ),
  textMutation("names of the proto file", (text) =>
    text.replaceAll(
      /"(\w+)":/g,
      (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}":`,
    ),
  ),
  textMutation("names in another case", (text) =>
    text.replaceAll(/"(\w+)":/g, (_, name: string) => `"${name.toUpperCase()}":`),
  ),
  wrongType("a number in a field", [0, 1, -1, 1.5, 1e300]),
  wrongType("a boolean in a field", [true, false]),
  wrongType("an array in a field", [[], ["a"], [null], [{}]]),
  wrongType("an object in a field", [{}, { a: 1 }, { value: "x" }]),
  wrongType("text in a field", ["", "true", "1", "x"]),
  wrongType("null in a field", [null]),
  jsonMutation("null in every field", (json) =>
    JSON.stringify(Object.fromEntries(Object.keys(json).map((name) => [name, null]))),
  ),
  jsonMutation("numbers and booleans as text", (json) =>
    JSON.stringify(json, (_key, value: unknown) =>
      typeof value === "number" || typeof value === "boolean" ? String(value) : value,
    ),
  ),
  jsonMutation("text as numbers", (json) =>
    JSON.stringify(json, (_key, value: unknown) =>
      typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value,
    ),
  ),
  jsonMutation("odd numbers", (json, random) => {
    if (!("query" in json)) return false;
    const number = random.pick([
      "1.0",
      "1e1",
      "-1",
      "1.5",
      "1e40",
      '"1e2"',
      '" 1"',
      '"1.0"',
      "-0",
      '""',
      '"0x1"',
    ]);
    return `{"query":{"${random.pick(["limit", "offset"])}":${number}}}`;
  }),
  textMutation("an enum's unknown name", (text) =>
    text
      .replace(/"(GENDER|USER_FIELD_NAME|TEXT_QUERY_METHOD)_\w+"/, '"$1_NOTHING"')
      .replace(/"profile":\{/, '"profile":{"gender":"gender_female",'),
  ),
  textMutation("an enum's number as text", (text) =>
    text.replace(/"(?:GENDER|USER_FIELD_NAME)_\w+"/, '"1"').replace(/^\{/, '{"sortingColumn":"6",'),
  ),
  jsonMutation("both members of a oneof", (json) =>
    JSON.stringify({ ...json, returnCode: {}, sendCode: {} }),
  ),
  jsonMutation("both members of a oneof, one null", (json) =>
    JSON.stringify({ ...json, returnCode: {}, sendCode: null }),
  ),
  jsonMutation("names that objects have anyway", (json) =>
    JSON.stringify(json).replace(/^\{/, '{"__proto__":{"userId":"x"},"constructor":{},"toString":1,'),
  ),
  ...(
    [
      ["an array", "[]"],
      ["an array with the message", '[{"userId":"nobody"}]'],
      ["text", '"userId"'],
      ["a number", "1"],
      ["null", "null"],
      ["true", "true"],
      ["nothing", ""],
      ["white space", " \r\n\t "],
      ["the empty object", "{}"],
      ["half an object", '{"userId":"no'],
      ["a comma too many", '{"userId":"nobody",}'],
      ["a comment", '{"userId":"nobody"/* who */}'],
      ["single quotes", "{'userId':'nobody'}"],
      ["NaN", '{"query":{"limit":NaN}}'],
      ["a control character in text", '{"userId":"no\nbody"}'],
      ["two objects", '{"userId":"nobody"}{"userId":"nobody"}'],
      ["a lone surrogate", '{"userId":"\\ud800"}'],
      ["a lone surrogate in a name", '{"\\udfff":1,"userId":"nobody"}'],
      ["a bad escape", '{"userId":"\\x41"}'],
      ["escaped text", '{"\\u0075serId":"nobod\\u0079"}'],
      ["a form", "userId=nobody"],
    ] as const
  ).map(([label, text]) => jsonMutation(label, () => text)),
  textMutation("a byte order mark", (text) => `\ufeff${text}`),
  textMutation("white space around", (text) => ` \n${text}\r\n `),
  textMutation("rubbish behind", (text) => `${text}x`),
  textMutation("bytes that are not UTF-8", (text) =>
    Buffer.concat([Buffer.from(text.slice(0, -1)), Buffer.from(',"x":"\xff\xc0\x80"}', "latin1")]),
  ),
  textMutation("bytes that are not UTF-8 in a field", () =>
    Buffer.from('{"userId":"\xff\xed\xa0\x80"}', "latin1"),
  ),
  textMutation("UTF-16", (text) => Buffer.from(`\ufeff${text}`, "utf16le")),
  textMutation("deep arrays", (text, random) => {
    const depth = random.pick([50, 500, 20_000]);
    return text.replace(/^\{/, `{"deep":${"[".repeat(depth)}${"]".repeat(depth)},`).replace(/,\}$/, "}");
  }),
  jsonMutation("deep queries", (_json, random) => {
    const depth = random.pick([90, 120, 5_000]);
    return `{"queries":[${'{"notQuery":{"query":'.repeat(depth)}{"typeQuery":{}}${"}}".repeat(depth)}]}`;
  }),
  textMutation("one byte less than too many", (text) => spaced(Buffer.from(text), MIB)),
  textMutation("one byte too many", (text) => spaced(Buffer.from(text), MIB + 1)),
];

function spaced(text: Buffer, length: number): Buffer {
  return Buffer.concat([text, Buffer.alloc(length - text.length, " ")]);
}

// --- protobuf -----------------------------------------------------------------------------------------------------

function binaryMutation(label: string, change: (payload: Buffer, random: Random) => Buffer): Mutation {
  return {
    name: `protobuf: ${label}`,
    stage: "payload",
    fits: ({ encoding }) => encoding === "proto",
    apply(draft, random) {
      draft.payload = change(draft.payload, random);
    },
  };
}

function appended(label: string, hex: string): Mutation {
  return binaryMutation(label, (payload) =>
    Buffer.concat([payload, Buffer.from(hex.replaceAll(" ", ""), "hex")]),
  );
}

const binaryMutations: readonly Mutation[] = [
  appended("an unknown number", "f8 07 01"),
  appended("unknown text", "fa 07 03 61 62 63"),
  appended("unknown fixed numbers", "f9 07 0102030405060708 fd 07 01020304"),
  appended("an unknown group", "fb 07 08 01 fc 07"),
  appended("a group that does not end", "fb 07 08 01"),
  appended("a group that does not begin", "fc 07"),
  appended("groups in groups", "fb 07".repeat(90) + "fc 07".repeat(90)),
  appended("too many groups in groups", "fb 07".repeat(2_000) + "fc 07".repeat(2_000)),
  appended("field 0", "00 01"),
  appended("the highest field number", "f8 ff ff ff 0f 01"),
  appended("a field number too high", "f8 ff ff ff 7f 01"),
  appended("wire type 6", "0e 01"),
  appended("wire type 7", "0f"),
  appended("field 1 as a number", "08 01"),
  appended("field 1 as a fixed number", "09 0102030405060708"),
  appended("field 1 a second time", "0a 06 6e6f626f6479"),
  appended("field 2 as a number", "10 01"),
  appended("text that is not UTF-8", "0a 02 ff fe"),
  appended("a surrogate in UTF-8", "0a 03 ed a0 80"),
  appended("a length beyond the end", "0a 7f 61"),
  appended("a length of 4 GiB", "0a ff ff ff ff 0f"),
  appended("a negative length", "0a ff ff ff ff ff ff ff ff ff 01"),
  appended("a number of eleven bytes", "08 ff ff ff ff ff ff ff ff ff ff 01"),
  appended("a number that does not end", "f8 07 ff"),
  appended("a tag that does not end", "ff"),
  binaryMutation("nothing", () => Buffer.alloc(0)),
  binaryMutation("the last byte missing", (payload) => payload.subarray(0, -1)),
  binaryMutation("half of it", (payload) => payload.subarray(0, payload.length >> 1)),
  binaryMutation("a byte changed", (payload, random) => {
    const changed = Buffer.from(payload);
    if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
    return changed;
  }),
  binaryMutation("random bytes", (_payload, random) => random.bytes(1 + random.below(40))),
  binaryMutation("twice", (payload) => Buffer.concat([payload, payload])),
  binaryMutation("JSON instead", () => Buffer.from('{"userId":"nobody"}')),
  binaryMutation("one byte less than too many", (payload) => padded(payload, MIB)),
  binaryMutation("one byte too many", (payload) => padded(payload, MIB + 1)),
];

/** An unknown field fills it up to the length. */
function padded(payload: Buffer, length: number): Buffer {
  const rest = length - payload.length - 6;
  const prefix = Buffer.from([0xfa, 0x07, 0, 0, 0, 0]);
  for (let at = 2, left = rest; at < 6; at++, left >>= 7) prefix[at] = (left & 0x7f) | (at < 5 ? 0x80 : 0);
  return Buffer.concat([payload, prefix, Buffer.alloc(rest, 0x61)]);
}

// --- frames -------------------------------------------------------------------------------------------------------

function frameMutation(label: string, change: (payload: Buffer, kind: WireKind) => Buffer): Mutation {
  return {
    name: `frame: ${label}`,
    stage: "body",
    fits: isFramed,
    apply(draft) {
      draft.body = change(draft.payload, draft.kind);
    },
  };
}

const READING: readonly MethodName[] = ["GetUserByID", "ListUsers"];

function lookingOnly(...of: Parameters<typeof frameMutation>): Mutation {
  return { ...frameMutation(...of), methods: READING };
}

function withLength(payload: Buffer, length: number): Buffer {
  const framed = frame(payload);
  framed.writeUInt32BE(length, 1);
  return framed;
}

const frameMutations: readonly Mutation[] = [
  frameMutation("none", () => Buffer.alloc(0)),
  frameMutation("four bytes", () => Buffer.from([0, 0, 0, 0])),
  frameMutation("empty", () => Buffer.alloc(FRAME_PREFIX_BYTES)),
  frameMutation("two", (payload) => Buffer.concat([frame(payload), frame(payload)])),
  frameMutation("an empty one behind", (payload) =>
    Buffer.concat([frame(payload), Buffer.alloc(FRAME_PREFIX_BYTES)]),
  ),
  frameMutation("half a one behind", (payload) => Buffer.concat([frame(payload), Buffer.from([0, 0])])),
  frameMutation("longer than the body", (payload) => withLength(payload, payload.length + 1)),
  frameMutation("shorter than the body", (payload) => withLength(payload, Math.max(payload.length - 1, 0))),
  frameMutation("one byte too long", (payload) => withLength(payload, MIB + 1)),
  frameMutation("two that are too long together", (payload, { encoding }) => {
    if (payload.length > MIB / 2) return Buffer.concat([frame(payload), frame(payload)]);
    const long = encoding === "json" ? spaced(payload, MIB - 1) : padded(payload, MIB - 1);
    return Buffer.concat([frame(long), frame(long)]);
  }),
  frameMutation("4 GiB long", (payload) => withLength(payload, 0xff_ff_ff_ff)),
  frameMutation("without a prefix", (payload) => payload),
  frameMutation("compressed without an encoding", (payload) => frame(gzipSync(payload), 1)),
  lookingOnly("flag 2", (payload) => frame(payload, 2)),
  lookingOnly("flag 0x40", (payload) => frame(payload, 0x40)),
  frameMutation("trailers instead", () => frame(Buffer.from("grpc-status: 0\r\n"), 0x80)),
  lookingOnly("trailers behind", (payload) =>
    Buffer.concat([frame(payload), frame(Buffer.from("grpc-status: 0\r\n"), 0x80)]),
  ),
  lookingOnly("trailers before", (payload) =>
    Buffer.concat([frame(Buffer.from("grpc-status: 0\r\n"), 0x80), frame(payload)]),
  ),
];

// --- compression --------------------------------------------------------------------------------------------------

/** A text body's frames are the same ones; connect-node cannot be asked in a form that it does not know. */
const isCompressible = (kind: WireKind) => !kind.asText;

function compression(
  label: string,
  encoding: string,
  compress: (payload: Buffer) => Buffer,
  flags = 1,
): Mutation {
  return {
    name: `compression: ${label}`,
    stage: "body",
    fits: isCompressible,
    apply(draft) {
      if (isFramed(draft.kind)) {
        draft.headers["grpc-encoding"] = encoding;
        draft.body = frame(compress(draft.payload), flags);
      } else {
        if (draft.body === undefined) return false;
        draft.headers["content-encoding"] = encoding;
        draft.body = compress(draft.payload);
      }
      return undefined;
    },
  };
}

const compressions: readonly Mutation[] = [
  compression("gzip", "gzip", (payload) => gzipSync(payload)),
  compression("Brotli", "br", (payload) => brotliCompressSync(payload)),
  compression("gzip announced, not used", "gzip", (payload) => payload, 0),
  compression("identity", "identity", (payload) => payload, 0),
  compression("identity, flagged", "identity", (payload) => payload, 1),
  compression("not gzip", "gzip", () => Buffer.from("not gzip at all")),
  compression("half of gzip", "gzip", (payload) => gzipSync(payload).subarray(0, 12)),
  compression("too large after gzip", "gzip", () => gzipSync(Buffer.alloc(MIB + 1))),
  compression("an unknown encoding", "snappy", (payload) => payload),
  compression("an encoding in capitals", "GZIP", (payload) => gzipSync(payload)),
  compression("an empty encoding", "", (payload) => payload, 0),
  compression("two encodings", "gzip, gzip", (payload) => gzipSync(payload)),
];

// --- headers ------------------------------------------------------------------------------------------------------

function headers(
  label: string,
  changes: Readonly<Record<string, string | undefined>>,
  fits: (kind: WireKind) => boolean = () => true,
): Mutation {
  return {
    name: `headers: ${label}`,
    stage: "request",
    fits,
    apply(draft) {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) delete draft.headers[name];
        else draft.headers[name] = value;
      }
    },
  };
}

const isSameForBoth = (kind: WireKind) => !kind.asText;
const usesGrpcTimeout = (kind: WireKind) => kind.family !== "connect";
const isConnect = ({ family }: WireKind) => family === "connect";
const byContentType = (family: WireKind["family"], encoding: WireKind["encoding"]) => (kind: WireKind) =>
  isSameForBoth(kind) && kind.family === family && kind.encoding === encoding;

/** Shorter ones that are not over at once would be a race. */
const GRPC_TIMEOUTS = [
  ..."5S 30000m 300S 99999999u 0S 0n 00000000H".split(" "),
  ..."301S 6M 1H 99999999H 123456789n 5 S -5S +5S 5X 1.5S 5s 5ms 0x1S S5".split(" "),
  "",
  "5 S",
];
const CONNECT_TIMEOUTS = [
  ..."5000 300000 0 0000000000 300001 9999999999 12345678901 -1 +1 1.5 1e3 abc 5s".split(" "),
  "",
];

const headerMutations: readonly Mutation[] = [
  headers("no token", { authorization: undefined }),
  headers("an empty token", { authorization: "" }),
  headers("an unknown token", { authorization: "Bearer unknown" }),
  headers("another scheme", { authorization: "Basic YTpi" }),
  headers("a scheme alone", { authorization: "Bearer" }),
  headers("two tokens", { authorization: "Bearer a b" }),
  headers("a token that is not ASCII", { authorization: "Bearer \u00e5\u00ff" }),
  headers("a long token", { authorization: `Bearer ${"x".repeat(9_000)}` }),
  {
    name: "headers: a scheme in capitals",
    stage: "request",
    fits: () => true,
    apply(draft) {
      draft.headers["authorization"] = (draft.headers["authorization"] ?? "").replace("Bearer ", "BEARER   ");
    },
  },
  headers("an unknown organization", { "x-zitadel-orgid": "1234" }),
  headers("an empty organization", { "x-zitadel-orgid": "" }),
  headers("an odd organization", { "x-zitadel-orgid": "\u00e5 ' or 1=1" }),
  {
    name: "headers: the organization",
    stage: "request",
    fits: () => true,
    apply(draft, _random, world) {
      draft.headers["x-zitadel-orgid"] = world.organizationId;
    },
  },
  headers("no request id", { "x-request-id": undefined }),
  headers("a request id with spaces", { "x-request-id": "a b" }),
  headers("a long request id", { "x-request-id": "x".repeat(129) }),
  ...GRPC_TIMEOUTS.map((value) =>
    headers(`grpc-timeout "${value}"`, { "grpc-timeout": value }, usesGrpcTimeout),
  ),
  ...CONNECT_TIMEOUTS.map((value) =>
    headers(`connect-timeout-ms "${value}"`, { "connect-timeout-ms": value }, isConnect),
  ),
  headers("the other protocol's timeout", { "connect-timeout-ms": "0" }, usesGrpcTimeout),
  headers("gRPC's timeout", { "grpc-timeout": "0S" }, isConnect),
  ...["1", "2", "", "one"].map((value) =>
    headers(`Connect-Protocol-Version "${value}"`, { "connect-protocol-version": value }),
  ),
  headers("accepts compressed messages", { "grpc-accept-encoding": "gzip,br" }, isFramed),
  headers("accepts unknown encodings", { "grpc-accept-encoding": "snappy" }, isFramed),
  headers("accepts identity", { "grpc-accept-encoding": "identity" }, isFramed),
  headers("accepts a compressed body", { "accept-encoding": "gzip, br" }),
  headers("no TE", { te: undefined }),
  headers("accepts nothing we have", { accept: "text/html" }),
  headers("no content type", { "content-type": undefined }, isSameForBoth),
  headers("an empty content type", { "content-type": "" }, isSameForBoth),
  ...[
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "application/xml",
    "application/jsonx",
    "json",
    "application/connect+json",
    "application/connect+proto",
    "application/grpc+thrift",
    "application/grpcx",
    "application/grpc-web+thrift",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
    "application/protobuf",
    "application/x-protobuf",
    "application/json, application/json",
    "\u00e5/\u00ff",
  ].map((value) => headers(`content type ${value}`, { "content-type": value }, isSameForBoth)),
  ...[
    "Application/JSON",
    "application/json; charset=UTF-8",
    "application/json;charset=utf-8",
    "application/json; charset=latin1",
    "application/json ; a=b",
    "application/json;",
    "application/json; charset=utf-8; a=b",
  ].map((value) =>
    headers(`content type ${value}`, { "content-type": value }, byContentType("connect", "json")),
  ),
  ...["Application/Proto", "application/proto; a=b", "application/proto;charset=utf-8"].map((value) =>
    headers(`content type ${value}`, { "content-type": value }, byContentType("connect", "proto")),
  ),
  ...[
    "Application/gRPC",
    "application/grpc;a=b",
    "application/grpc+proto; charset=utf-8",
    "application/grpc ",
    "application/GRPC+Proto",
  ].map((value) =>
    headers(`content type ${value}`, { "content-type": value }, byContentType("grpc", "proto")),
  ),
  ...["Application/gRPC-Web", "application/grpc-web; a=b", "application/grpc-web+proto;charset=utf-8"].map(
    (value) =>
      headers(`content type ${value}`, { "content-type": value }, byContentType("grpc-web", "proto")),
  ),
  {
    name: "headers: the text form, said to connect-node too",
    stage: "request",
    fits: ({ asText }) => asText,
    methods: READING,
    apply(draft) {
      draft.headers["content-type"] = "application/grpc-web-text+proto";
      if (draft.body !== undefined) draft.body = Buffer.from(draft.body.toString("base64"));
    },
  },
];

// --- verb and path ------------------------------------------------------------------------------------------------

function request(label: string, apply: Mutation["apply"], fits: Mutation["fits"] = isSameForBoth): Mutation {
  return { name: `request: ${label}`, stage: "request", fits, apply };
}

const requestMutations: readonly Mutation[] = [
  ...["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PROPFIND"].map((verb) =>
    request(`verb ${verb}`, (draft) => {
      draft.verb = verb;
      if (verb === "GET" || verb === "HEAD") draft.body = undefined;
    }),
  ),
  request("a query", (draft) => {
    draft.path += "?unknown=1&userId=other&user_id=other&returnCode=&query.limit=2&a=%zz&%=&&=";
  }),
  request("a message in the query", (draft) => {
    draft.path += "?connect=v1&encoding=json&message=%7B%7D";
    draft.verb = "GET";
    draft.body = undefined;
  }),
  request("a slash behind", (draft) => {
    draft.path += "/";
  }),
  request("two slashes", (draft) => {
    draft.path = draft.path.replace(/^\//, "//");
  }),
  request("another case", (draft) => {
    draft.path = draft.path.toUpperCase();
  }),
  request("an unknown path", (draft) => {
    draft.path = draft.path.replace(/[^/]+$/, "NoSuchThing");
  }),
  request("an unknown service", (draft) => {
    draft.path = "/zitadel.user.v9.UserService/GetUserByID";
  }),
  request("percent encoding", (draft) => {
    draft.path = draft.path.replace(/[a-zA-Z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
  }),
  ...[
    "%zz",
    "%",
    "%2F",
    "a%2Fb",
    "%00",
    "%ff",
    "%20",
    "%25",
    "%E2%82%AC",
    "..",
    "a+b",
    "a;b",
    "~",
    "x".repeat(201),
    "x".repeat(5_000),
  ].map((segment) =>
    request(
      `user id ${segment.slice(0, 20)}${segment.length > 20 ? `... (${segment.length})` : ""} in the path`,
      (draft) => {
        const changed = draft.path.replace(/^(\/v2\/users\/(?:human\/)?)[^/]+/, `$1${segment}`);
        if (changed === draft.path) return false;
        draft.path = changed;
        return undefined;
      },
      (kind) => kind.atRestPath && isSameForBoth(kind),
    ),
  ),
  request(
    "a user id in the body",
    (draft) => {
      draft.payload = Buffer.from(JSON.stringify({ ...draft.message, userId: "other", user_id: 5 }));
      draft.body = draft.payload;
    },
    ({ family }) => family === "rest",
  ),
  request("a body where none is expected", (draft) => {
    draft.body = draft.payload;
  }),
  request("no body", (draft) => {
    draft.body = undefined;
  }),
];

export const mutations: readonly Mutation[] = [
  ...messageMutations,
  ...jsonMutations,
  ...binaryMutations,
  ...frameMutations,
  ...compressions,
  ...headerMutations,
  ...requestMutations,
];
