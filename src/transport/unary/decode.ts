/** Bytes and JSON to messages: whatever is wrong with them is the client's fault and says so. */
import {
  fromBinary,
  fromJsonString,
  type DescField,
  type DescMessage,
  type Message,
} from "@bufbuild/protobuf";
import { failure, FailureError } from "../../verification/failures.ts";

export function decodeBinary(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformed(`parse binary: ${textOf(error)}`, error);
  }
}

/** Unknown fields are ignored, as ZITADEL's gateway and its Connect handlers do; a key that stands twice is refused. */
export function decodeJson(schema: DescMessage, text: string): Message {
  try {
    return fromJsonString(schema, withoutMark(text), { ignoreUnknownFields: true });
  } catch (error) {
    // It names the message or the field already.
    throw malformed(textOf(error), error);
  }
}

/** A message of which the text holds one field. */
export function decodeJsonField(schema: DescMessage, field: DescField, text: string): Message {
  try {
    // One value and nothing behind it, so that the text cannot leave its place in the message.
    JSON.parse(text);
  } catch (error) {
    throw malformed(
      `cannot decode field ${schema.typeName}.${field.name} from JSON: ${textOf(error)}`,
      error,
    );
  }
  return decodeJson(schema, `{${JSON.stringify(field.jsonName)}:${text}}`);
}

/** A byte order mark may be ignored (RFC 8259 section 8.1), and connect-node ignores it. */
function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

function malformed(text: string, cause: unknown): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }), { cause });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
