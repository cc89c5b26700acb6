import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  create,
  fromJson,
  toJson,
  type DescField,
  type DescMessage,
  type JsonObject,
} from "@bufbuild/protobuf";
import * as fc from "fast-check";
import { SendEmailCodeRequestSchema } from "../../../gen/zitadel/user/v2/email_pb.ts";
import { applyBindings } from "../../../src/rpc/bindings.ts";
import { FailureError } from "../../../src/verification/failures.ts";
import { compileLibrary } from "../../support/library.ts";

let everything: DescMessage;

beforeAll(async () => {
  const echo = (await compileLibrary()).methods.find(({ name }) => name === "Echo");
  if (echo === undefined) throw new Error("the library has lost Echo");
  everything = echo.input;
});

function fieldsOf(schema: DescMessage, path: string): DescField[] {
  const fields: DescField[] = [];
  let message: DescMessage | undefined = schema;
  for (const name of path.split(".")) {
    const field: DescField | undefined = message?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) throw new Error(`no field ${path}`);
    fields.push(field);
    message = field.message;
  }
  return fields;
}

/** The message after the bindings, as JSON. */
function bound(schema: DescMessage, before: JsonObject, bindings: Readonly<Record<string, string>>): unknown {
  const message = fromJson(schema, before);
  const list = Object.entries(bindings).map(([path, value]) => ({ fields: fieldsOf(schema, path), value }));
  applyBindings(schema, message, list);
  return toJson(schema, message);
}

describe("applyBindings", () => {
  test("sets what the body left out, and wins over what it said", () => {
    const schema = SendEmailCodeRequestSchema;
    expect(bound(schema, {}, { user_id: "1" })).toEqual({ userId: "1" });
    expect(bound(schema, { userId: "2", returnCode: {} }, { user_id: "1" })).toEqual({
      userId: "1",
      returnCode: {},
    });
    expect(bound(schema, { userId: "2" }, {})).toEqual({ userId: "2" });
    expect(bound(schema, { userId: "2" }, { user_id: "" })).toEqual({});
  });

  test("goes through messages, those that are there and those that are not", () => {
    const bindings = { "inner.inner.string": "x", "inner.bool": "true" };
    expect(bound(everything, {}, bindings)).toEqual({ inner: { bool: true, inner: { string: "x" } } });
    const before = { inner: { string: "a", inner: { double: 1, string: "b" } } };
    expect(bound(everything, before, bindings)).toEqual({
      inner: { string: "a", bool: true, inner: { double: 1, string: "x" } },
    });
  });

  test("sets values of every single kind", () => {
    expect(
      bound(everything, {}, { int32: "-1", uint64: "18446744073709551615", color: "COLOR_RED", bytes: "AQ" }),
    ).toEqual({ int32: -1, uint64: "18446744073709551615", color: "COLOR_RED", bytes: "AQ==" });
    expect(bound(everything, {}, { optional_string: "" })).toEqual({ optionalString: "" });
  });

  test("sets a member of a oneof, whichever was set before", () => {
    expect(bound(everything, { one: "a" }, { other: "1" })).toEqual({ other: 1 });
    expect(bound(everything, { one: "a" }, { "third.bool": "true" })).toEqual({ third: { bool: true } });
  });

  test.each([
    ["int32", "x", "int32"],
    ["uint32", "4294967296", "uint32"],
    ["inner.bool", "yes", "bool"],
    ["color", "RED", "test.library.v1.Color"],
  ])("%s = %s is refused, naming the field", (path, value, type) => {
    const refused = () => bound(everything, {}, { [path]: value });
    expect(refused).toThrow(FailureError);
    expect(refused).toThrow(`invalid value for ${path} in the URL: not a value of type ${type}`);
  });

  test("any text is set, or refused as REQUEST_INVALID", () => {
    const paths = [
      "string",
      "int32",
      "uint64",
      "double",
      "bytes",
      "color",
      "inner.bool",
      "inner.inner.string",
    ];
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.string({ unit: "binary" }), (path, value) => {
        const message = create(everything);
        try {
          applyBindings(everything, message, [{ fields: fieldsOf(everything, path), value }]);
        } catch (error) {
          expect(error).toBeInstanceOf(FailureError);
          expect((error as FailureError).failure.name).toBe("REQUEST_INVALID");
        }
      }),
    );
  });
});
