/** Bytes and JSON to messages: whatever is wrong with them is the client's fault and says so. */
import { fromBinary, fromJsonString, type DescMessage, type Message } from "@bufbuild/protobuf";
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
    return fromJsonString(schema, text, { ignoreUnknownFields: true });
  } catch (error) {
    // It names the message or the field already.
    throw malformed(textOf(error), error);
  }
}

function malformed(text: string, cause: unknown): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }), { cause });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
