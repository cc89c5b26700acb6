/** Reads a field of a message by its descriptor, without the wrappers of protobuf-es's reflection: rules run on every call. */
import type { DescField, Message } from "@bufbuild/protobuf";

/** @returns undefined for what is not set: optional fields, messages, members of a oneof that are not its case */
export function readField(field: DescField, message: Message): unknown {
  const values = message as unknown as Record<string, unknown>;
  // `oneof` also names the synthetic oneof of a proto3 optional field, which has no property of its own.
  if (field.oneof === undefined || field.proto.proto3Optional) return values[field.localName];
  const chosen = values[field.oneof.localName] as { case: string | undefined; value?: unknown };
  return chosen.case === field.localName ? chosen.value : undefined;
}
