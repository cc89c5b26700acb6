/** Bytes and JSON to messages: whatever is wrong with them is the client's fault and says so. */
import { fromBinary, fromJson, type DescMessage, type JsonValue, type Message } from "@bufbuild/protobuf";
import { failure, FailureError } from "../../verification/failures.ts";

export function decodeBinary(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformed("parse binary", error);
  }
}

/** Unknown fields are ignored, as ZITADEL's gateway and its Connect handlers do. */
export function decodeJson(schema: DescMessage, text: string): Message {
  try {
    return fromJson(schema, JSON.parse(text) as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw malformed(`cannot decode message ${schema.typeName} from JSON`, error);
  }
}

/** A RangeError is a message nested so deeply that it cannot be walked. */
export function malformed(what: string, error: unknown): FailureError {
  const problem = error instanceof RangeError ? "nested too deeply" : textOf(error);
  return new FailureError(failure("REQUEST_MALFORMED", { text: `${what}: ${problem}` }), { cause: error });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
