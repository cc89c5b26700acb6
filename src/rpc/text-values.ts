/**
 * Values of fields as text, as URLs carry them: protojson's strings without their quotes, enums by name or number.
 *
 * Single values, google.protobuf's wrappers, Timestamp, Duration and FieldMask have such a text; other messages and maps
 * have none.
 */
import { fromJson, ScalarType, type DescEnum, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage, type ScalarValue } from "@bufbuild/protobuf/reflect";
import { failure, FailureError } from "../verification/failures.ts";

export type TextValue = ScalarValue | ReflectMessage;

/** Messages that protojson writes as a string. */
const STRING_MESSAGES: ReadonlySet<string> = new Set([
  "google.protobuf.Timestamp",
  "google.protobuf.Duration",
  "google.protobuf.FieldMask",
]);
/** Messages that protojson writes as their one field. */
const WRAPPERS: ReadonlySet<string> = new Set(
  ["Bool", "Bytes", "Double", "Float", "Int32", "Int64", "String", "UInt32", "UInt64"].map(
    (name) => `google.protobuf.${name}Value`,
  ),
);

/** Whether values of the type have a text. */
export function hasText(message: DescMessage): boolean {
  return STRING_MESSAGES.has(message.typeName) || isWrapper(message);
}

export function isWrapper(message: DescMessage): boolean {
  return WRAPPERS.has(message.typeName);
}

/** Path of a field from the request, in proto names: `send_code.url_template`. */
export function fieldPathName(fields: readonly DescField[]): string {
  return fields.map((field) => field.name).join(".");
}

/** @returns the value, or one element of a list; undefined for a text that is no value of the field's type */
export function parseText(field: DescField, text: string): TextValue | undefined {
  if (field.fieldKind === "map") return undefined;
  if (field.message !== undefined) return parseMessage(field.message, text);
  return field.enum === undefined ? parseScalar(field.scalar, text) : parseEnum(field.enum, text);
}

/** What is wrong with a value in the URL, as the client learns it. */
export function textProblem(path: readonly DescField[], description: string): FailureError {
  const field = fieldPathName(path);
  return new FailureError(
    failure("REQUEST_INVALID", {
      text: `invalid value for ${field} in the URL: ${description}`,
      fields: [{ field, description }],
    }),
  );
}

/** The fault of a text that `parseText` does not take. */
export function wrongText(path: readonly DescField[]): FailureError {
  const field = path.at(-1);
  return textProblem(path, `not a value of type ${field === undefined ? "" : typeName(field)}`);
}

function typeName(field: DescField): string {
  if (field.fieldKind === "map") return "map";
  const { message, enum: values, scalar } = field;
  return message?.typeName ?? values?.typeName ?? ScalarType[scalar ?? ScalarType.STRING].toLowerCase();
}

function parseMessage(schema: DescMessage, text: string): ReflectMessage | undefined {
  if (STRING_MESSAGES.has(schema.typeName)) {
    try {
      return reflect(schema, fromJson(schema, text));
    } catch {
      return undefined;
    }
  }
  const [field] = schema.fields;
  if (!isWrapper(schema) || field?.fieldKind !== "scalar") return undefined;
  const value = parseScalar(field.scalar, text);
  if (value === undefined) return undefined;
  const wrapper = reflect(schema);
  wrapper.set(field, value);
  return wrapper;
}

function parseEnum(schema: DescEnum, text: string): number | undefined {
  const named = schema.values.find((value) => value.name === text)?.number;
  if (named !== undefined) return named;
  const number = parseInteger(text, INT32);
  if (number === undefined) return undefined;
  return schema.open || schema.value[Number(number)] !== undefined ? Number(number) : undefined;
}

interface Range {
  readonly min: bigint;
  readonly max: bigint;
}

const INT32: Range = { min: -(2n ** 31n), max: 2n ** 31n - 1n };
const UINT32: Range = { min: 0n, max: 2n ** 32n - 1n };
const INT64: Range = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const UINT64: Range = { min: 0n, max: 2n ** 64n - 1n };

function parseScalar(type: ScalarType, text: string): ScalarValue | undefined {
  switch (type) {
    case ScalarType.STRING:
      return text.isWellFormed() ? text : undefined;
    case ScalarType.BOOL:
      return text === "true" ? true : text === "false" ? false : undefined;
    case ScalarType.BYTES:
      return parseBase64(text);
    case ScalarType.DOUBLE:
      return parseNumber(text, (value) => value);
    case ScalarType.FLOAT:
      return parseNumber(text, Math.fround);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return parseInteger(text, INT64);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return parseInteger(text, UINT64);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return asNumber(parseInteger(text, UINT32));
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return asNumber(parseInteger(text, INT32));
  }
}

function parseInteger(text: string, { min, max }: Range): bigint | undefined {
  // The longest number has 20 digits: no time is spent on longer ones.
  if (!/^-?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < min || value > max ? undefined : value;
}

function asNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

const NO_NUMBERS: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity };

/** @param round to the type's own precision */
function parseNumber(text: string, round: (value: number) => number): number | undefined {
  if (Object.hasOwn(NO_NUMBERS, text)) return NO_NUMBERS[text];
  if (!/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(round(value)) ? value : undefined;
}

/** Base64 of either alphabet, padded or not, as protojson reads it. */
function parseBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/={1,2}$/, "");
  const isPadded = digits.length < text.length;
  if (!/^[A-Za-z0-9+/_-]*$/.test(digits) || digits.length % 4 === 1) return undefined;
  return isPadded && text.length % 4 !== 0 ? undefined : new Uint8Array(Buffer.from(digits, "base64"));
}
