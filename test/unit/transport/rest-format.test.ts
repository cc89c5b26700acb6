// The REST format on a contract that uses all of google.api.http, with a handler that answers what it was asked.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { create, fromJson, toJson, type JsonObject, type JsonValue, type Message } from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { applyBindings } from "../../../src/rpc/bindings.ts";
import { RouteTable, type Route } from "../../../src/transport/http-rules.ts";
import type { Exchange } from "../../../src/transport/unary/exchange.ts";
import { createRestFormat } from "../../../src/transport/unary/rest-format.ts";
import { FailureError, type Failure } from "../../../src/verification/failures.ts";
import { compileLibrary } from "../../support/library.ts";

const format = createRestFormat({ maxMessageBytes: 1024 * 1024, maxTimeoutMs: 60_000 });
let routes: RouteTable;

beforeAll(async () => {
  routes = new RouteTable([await compileLibrary()]);
});

interface Asked {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly json: JsonValue;
}

function exchangeOf(verb: string, url: string, headers: Readonly<Record<string, string>>) {
  const [path = "", query = ""] = url.split("?", 2);
  let sent: Sent | undefined;
  const exchange: Exchange = {
    verb,
    path,
    query,
    httpVersion: 1,
    peerAddress: "",
    get: (name) => headers[name] ?? null,
    goneSignal: () => new AbortController().signal,
    readBody: () => Promise.reject(new Error("the body was read already")),
    respond(status, sentHeaders, body) {
      sent = { status, headers: sentHeaders, json: JSON.parse(body.toString()) as JsonValue };
    },
  };
  return { exchange, sent: () => sent };
}

/** The message that a request stands for. */
function read(request: string, { body = "", headers = {} }: Asked = {}): { message: Message; route: Route } {
  const [verb = "", url = ""] = request.split(/ (.*)/s);
  const { exchange } = exchangeOf(verb, url, headers);
  const match = routes.match(verb, exchange.path);
  if (match.kind !== "found") throw new Error(`${request}: ${match.kind}`);
  const { route, bindings } = match;
  const target = { method: route.method, bindings, mapping: route };
  const message = format.read(exchange, target, Buffer.from(body));
  // As the chain does, in every format.
  applyBindings(route.method.input, message, bindings);
  return { message, route };
}

function asked(request: string, options: Asked = {}): JsonValue {
  const { message, route } = read(request, options);
  return toJson(route.method.input, message);
}

function refusal(request: string, options: Asked = {}): Failure {
  try {
    const answer = asked(request, options);
    throw new Error(`${request} was read as ${JSON.stringify(answer)}`);
  } catch (error) {
    if (error instanceof FailureError) return error.failure;
    throw error;
  }
}

function answered(request: string, reply: JsonObject): Sent {
  const [verb = "", url = ""] = request.split(/ (.*)/s);
  const { exchange, sent } = exchangeOf(verb, url, {});
  const match = routes.match(verb, exchange.path);
  if (match.kind !== "found") throw new Error(`${request}: ${match.kind}`);
  const { route, bindings } = match;
  const target = { method: route.method, bindings, mapping: route };
  format.reply(exchange, target, fromJson(route.method.output, reply), { "x-common": "1" });
  const answer = sent();
  if (answer === undefined) throw new Error("nothing was sent");
  return answer;
}

describe("query parameters", () => {
  test.each<[query: string, message: JsonValue]>([
    ["", {}],
    ["string=a", { string: "a" }],
    ["string=a+b%20c%2B", { string: "a b c+" }],
    ["string=Zo%C3%AB%20%F0%9F%98%80", { string: "Zoë 😀" }],
    ["string=a%26b%3Dc=d", { string: "a&b=c=d" }],
    ["string=", {}],
    ["string", {}],
    ["optional_string=", { optionalString: "" }],
    ["optionalString", { optionalString: "" }],
    ["camelCaseName=a", { camelCaseName: "a" }],
    ["bool=true&int32=-1&uint32=1&float=0.5", { bool: true, int32: -1, uint32: 1, float: 0.5 }],
    [
      "int64=-9223372036854775808&uint64=18446744073709551615",
      { int64: "-9223372036854775808", uint64: "18446744073709551615" },
    ],
    ["color=COLOR_RED", { color: "COLOR_RED" }],
    ["color=2", { color: "COLOR_BLUE" }],
    ["color=77", { color: 77 }],
    ["bytes=-_8", { bytes: "+/8=" }],
    ["int32_list=1&int32List=2&int32_list=3", { int32List: [1, 2, 3] }],
    ["string_list=a,b&string_list=", { stringList: ["a,b", ""] }],
    ["color_list=COLOR_RED&color_list=0", { colorList: ["COLOR_RED", "COLOR_UNSPECIFIED"] }],
    ["bytes_list=AQ&bytes_list=Ag==", { bytesList: ["AQ==", "Ag=="] }],
    ["inner.string=a&inner.inner.bool=true", { inner: { string: "a", inner: { bool: true } } }],
    ["inner.tags=a&inner.tags=b", { inner: { tags: ["a", "b"] } }],
    ["inner.string=", { inner: {} }],
    ["one=a", { one: "a" }],
    ["third.string=a&third.bool=true", { third: { string: "a", bool: true } }],
    ["timestamp=2026-03-14T09:26:53.589Z", { timestamp: "2026-03-14T09:26:53.589Z" }],
    ["duration=1.5s&field_mask=a,b.c", { duration: "1.500s", fieldMask: "a,b.c" }],
    ["string_value=&bool_value=false&int64_value=1", { stringValue: "", boolValue: false, int64Value: "1" }],
    ["bytes_value=AQ&double_value=NaN", { bytesValue: "AQ==", doubleValue: "NaN" }],
    [
      "timestamp_list=1970-01-01T00:00:00Z&string_value_list=a",
      { timestampList: ["1970-01-01T00:00:00Z"], stringValueList: ["a"] },
    ],
    // Names that lead to no field.
    ["nope=1&String=a&string.x=a&inner.nope=1&timestamp.seconds=1&string_value.value=a", {}],
    ["inner_list.string=a&string_map.a=b&string_map[a]=b&=a&.=b&&=&inner..string=c", {}],
    ["__proto__=1&constructor=2&inner.__proto__.x=3&toString", {}],
    [`${"inner.".repeat(100)}string=deep`, {}],
  ])("%s", (query, message) => {
    expect(asked(`GET /v1/everything?${query}`)).toEqual(message);
  });

  test.each([
    ["int32=", "int32", "not a value of type int32"],
    ["int32=1.5", "int32", "not a value of type int32"],
    ["uint32=-1", "uint32", "not a value of type uint32"],
    ["int64=9223372036854775808", "int64", "not a value of type int64"],
    ["bool=1", "bool", "not a value of type bool"],
    ["color=RED", "color", "not a value of type test.library.v1.Color"],
    ["bytes=%24", "bytes", "not a value of type bytes"],
    ["timestamp=today", "timestamp", "not a value of type google.protobuf.Timestamp"],
    ["boolValue=", "bool_value", "not a value of type google.protobuf.BoolValue"],
    ["inner.inner.bool=x", "inner.inner.bool", "not a value of type bool"],
    ["int32_list=1&int32_list=x", "int32_list", "not a value of type int32"],
    ["inner=a", "inner", "not a value of type test.library.v1.Everything.Inner"],
    ["inner_list=a", "inner_list", "not a value of type test.library.v1.Everything.Inner"],
    ["string_map=a", "string_map", "not a value of type map"],
    ["any=a", "any", "not a value of type google.protobuf.Any"],
    ["string=a&string=b", "string", "given more than once"],
    ["optional_string=a&optionalString=a", "optional_string", "given more than once"],
    ["one=a&other=1", "other", "one of the same oneof is set too"],
    ["third.bool=true&one=a", "one", "third of the same oneof is set too"],
    ["one=a&third.bool=true", "third.bool", "one of the same oneof is set too"],
  ])("%s is refused", (query, field, description) => {
    expect(refusal(`GET /v1/everything?${query}`)).toEqual({
      name: "REQUEST_INVALID",
      text: `invalid value for ${field} in the URL: ${description}`,
      fields: [{ field, description }],
    });
  });

  test.each(["%", "string=%", "string=%ff", "nope=%zz", "%C3=1", "a=1&b=%2"])("%s is malformed", (query) => {
    expect(refusal(`GET /v1/everything?${query}`)).toEqual({
      name: "REQUEST_MALFORMED",
      text: "malformed percent-encoding in the query",
    });
  });

  test("what the path holds, the query does not set", () => {
    expect(asked("GET /v1/shelves/1?id=2&room=3")).toEqual({ id: "1", room: "3" });
    expect(asked("GET /v1/rooms/3/shelves/1?room=4&id=x")).toEqual({ id: "1", room: "3" });
    const echoed = asked(
      "GET /v1/everything/1/true/0/AQ/x?int32=y&inner.bool=z&inner.inner.string=&inner.string=a",
    );
    expect(echoed).toEqual({
      int32: 1,
      bytes: "AQ==",
      inner: { string: "a", bool: true, inner: { string: "x" } },
    });
  });

  test("what the body holds, the query does not set", () => {
    const request = "POST /v1/shelves/1/books?book.title=b&book=c&bookId=d&validate_only=true&parent=e";
    expect(asked(request, { body: `{"title":"a"}` })).toEqual({
      parent: "shelves/1",
      book: { title: "a" },
      bookId: "d",
      validateOnly: true,
    });
    expect(
      asked("PATCH /v1/shelves/1/books/2?update_mask=title&book.isbn=x", { body: `{"title":"a"}` }),
    ).toEqual({
      book: { name: "shelves/1/books/2", title: "a" },
      updateMask: "title",
    });
  });

  test("where the body is the message, the query is not looked at", () => {
    const request = "POST /v1/shelves/1/books/2:archive?reason=b&%zz&name=x";
    expect(asked(request, { body: `{"reason":"a"}` })).toEqual({ name: "shelves/1/books/2", reason: "a" });
  });

  test("any query is read, or refused as the client's fault", () => {
    const name = fc.constantFrom(
      "string",
      "int32",
      "inner.bool",
      "one",
      "other",
      "timestamp",
      "string_list",
      "inner",
    );
    const pair = fc.tuple(fc.oneof(name, fc.string()), fc.string({ unit: "binary" }));
    const encoded = fc
      .array(pair)
      .map((pairs) =>
        pairs.map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`).join("&"),
      );
    const anything = fc.oneof(encoded, fc.webQueryParameters(), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(anything, (query) => {
        try {
          asked(`GET /v1/everything?${query}`);
        } catch (error) {
          expect(error).toBeInstanceOf(FailureError);
          expect(["REQUEST_INVALID", "REQUEST_MALFORMED"]).toContain((error as FailureError).failure.name);
        }
      }),
    );
  });

  test("strings, numbers and lists survive their encoding", () => {
    const values = fc.record({
      string: fc.string({ unit: "binary", minLength: 1 }),
      int32: fc.integer({ min: 1 }),
      int64: fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String),
      double: fc.double({ min: Number.MIN_VALUE, noNaN: true, noDefaultInfinity: true }),
      stringList: fc.array(fc.string({ unit: "binary" }), { minLength: 1 }),
    });
    fc.assert(
      fc.property(values, (message) => {
        const query = new URLSearchParams();
        for (const [name, value] of Object.entries(message)) {
          for (const item of Array.isArray(value) ? value : [value]) query.append(name, String(item));
        }
        expect(asked(`GET /v1/everything?${query.toString()}`)).toEqual(message);
      }),
    );
  });
});

describe("bodies", () => {
  test.each<[request: string, body: string, message: JsonValue]>([
    ["POST /v1/shelves/1/books", `{"title":"a","nope":1}`, { parent: "shelves/1", book: { title: "a" } }],
    ["POST /v1/shelves/1/books", "", { parent: "shelves/1", book: {} }],
    ["POST /v1/shelves/1/books", " \r\n", { parent: "shelves/1", book: {} }],
    ["POST /v1/shelves/1/books", "null", { parent: "shelves/1" }],
    ["PATCH /v1/shelves/1/books/2", `{"name":"x"}`, { book: { name: "shelves/1/books/2" } }],
    ["POST /v1/shelves/1/books/2:archive", "", { name: "shelves/1/books/2" }],
    ["POST /v1/shelves/1/books/2:archive", "\ufeff{}", { name: "shelves/1/books/2" }],
    ["PUT /v1/shelves/1/tags", `["a","b"]`, { id: "1", tags: ["a", "b"] }],
    ["PUT /v1/shelves/1/tags", "", { id: "1" }],
    [
      "PUT /v1/shelves/1/labels",
      `{"a":"b","__proto__":"c"}`,
      { id: "1", labels: JSON.parse(`{"a":"b","__proto__":"c"}`) as JsonValue },
    ],
    ["PUT /v1/shelves/1/labels", "", { id: "1" }],
    ["PUT /v1/shelves/1/stars", "5", { id: "1", stars: 5 }],
    ["PUT /v1/shelves/1/stars", `"5"`, { id: "1", stars: 5 }],
    ["PUT /v1/shelves/1/stars", "", { id: "1" }],
    // A method without a body: what is sent all the same is none of its business.
    ["DELETE /v1/shelves/1", "{{{", { shelf: "1" }],
  ])("%s %j", (request, body, message) => {
    expect(asked(request, { body })).toEqual(message);
  });

  test.each([
    ["POST /v1/shelves/1/books", "{"],
    ["POST /v1/shelves/1/books", "[]"],
    ["POST /v1/shelves/1/books", `{"title":1}`],
    // A body cannot leave its field.
    ["POST /v1/shelves/1/books", `{},"parent":"x"`],
    ["POST /v1/shelves/1/books", `{}},{"a":{}`],
    ["POST /v1/shelves/1/books", `{"title":"a","title":"b"}`],
    ["PUT /v1/shelves/1/tags", "{}"],
    ["PUT /v1/shelves/1/tags", `["a",null]`],
    ["PUT /v1/shelves/1/stars", "1.5"],
    ["PUT /v1/shelves/1/stars", "2147483648"],
    ["POST /v1/shelves/1/books/2:archive", `{"reason":`],
  ])("%s %s is malformed", (request, body) => {
    expect(refusal(request, { body })).toMatchObject({ name: "REQUEST_MALFORMED" });
  });

  test("a body that is no UTF-8, or that is packed", () => {
    const request = "POST /v1/shelves/1/books/2:archive";
    const broken = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect(refusal(request, { body: broken })).toMatchObject({ text: "the body is not UTF-8" });
    const headers = { "content-encoding": "gzip" };
    expect(refusal(request, { body: "{}", headers })).toMatchObject({
      name: "REQUEST_MALFORMED",
      text: "content-encoding gzip is not served on REST paths",
    });
    expect(asked(request, { headers: { "content-encoding": "identity" } })).toEqual({
      name: "shelves/1/books/2",
    });
  });

  test("any body is read, or refused as the client's fault", () => {
    const requests = [
      "POST /v1/shelves/1/books",
      "PUT /v1/shelves/1/tags",
      "POST /v1/shelves/1/books/2:archive",
    ];
    const body = fc.oneof(fc.json(), fc.string(), fc.uint8Array());
    fc.assert(
      fc.property(fc.constantFrom(...requests), body, (request, bytes) => {
        try {
          asked(request, { body: bytes });
        } catch (error) {
          expect(error).toBeInstanceOf(FailureError);
        }
      }),
    );
  });
});

describe("answers", () => {
  test.each<[request: string, reply: JsonObject, status: number, json: JsonValue]>([
    ["GET /v1/shelves/1", { id: "1" }, 200, { id: "1" }],
    ["GET /v1/shelves/1", {}, 200, {}],
    ["DELETE /v1/shelves/1", {}, 200, {}],
    ["POST /v1/shelves/1/books", { book: { title: "a" } }, 201, { title: "a" }],
    ["POST /v1/shelves/1/books", { book: {} }, 201, {}],
    ["POST /v1/shelves/1/books", {}, 201, null],
    ["PUT /v1/shelves/1/tags", { tags: ["a"] }, 200, ["a"]],
    ["PUT /v1/shelves/1/tags", {}, 200, []],
    ["PUT /v1/shelves/1/labels", { labels: { a: "b" } }, 200, { a: "b" }],
    ["PUT /v1/shelves/1/labels", {}, 200, {}],
    ["PUT /v1/shelves/1/stars", { stars: "5" }, 200, "5"],
    ["PUT /v1/shelves/1/stars", { stars: "0" }, 200, "0"],
    ["PUT /v1/shelves/1/stars", {}, 200, null],
  ])("%s %j", (request, reply, status, json) => {
    expect(answered(request, reply)).toEqual({
      status,
      json,
      headers: { "content-type": "application/json", "x-common": "1" },
    });
  });
});

test("an empty message has no fields that a query could set", () => {
  const { message, route } = read("GET /v1/shelves/new?id=1");
  expect(message).toEqual(create(route.method.input));
});
