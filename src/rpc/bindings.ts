/**
 * Sets values from the URL on a decoded request, as google.api.http says: path variables win over the body, query
 * parameters name fields that are in neither. Names that are no field of the request are ignored, as grpc-gateway does.
 */
import { ScalarType, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { failure, FailureError } from "../verification/failures.ts";
import type { Binding } from "./call.ts";

/** @throws FailureError REQUEST_INVALID for text that is no value of its field */
export function applyBindings(schema: DescMessage, message: Message, bindings: readonly Binding[]): void {
  if (bindings.length === 0) return;
  const root = reflect(schema, message);
  for (const binding of bindings) applyBinding(root, binding);
}

function applyBinding(root: ReflectMessage, { path, value }: Binding): void {
  let message = root;
  for (const [depth, name] of path.entries()) {
    const field = message.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field === undefined) return;
    if (depth === path.length - 1) {
      setValue(message, field, value);
      return;
    }
    if (field.fieldKind !== "message") return;
    const child = message.get(field);
    message.set(field, child);
    message = child;
  }
}

function setValue(message: ReflectMessage, field: DescField, text: string): void {
  const parsed = parseValue(field, text);
  if (parsed === undefined) return;
  if (!parsed.ok) throw malformed(field);
  if (field.fieldKind === "list") message.get(field).add(parsed.value);
  else if (field.fieldKind === "scalar" || field.fieldKind === "enum") message.set(field, parsed.value);
}

function malformed(field: DescField): FailureError {
  const description = "not a value of the field's type";
  return new FailureError(
    failure("REQUEST_INVALID", {
      text: `invalid ${field.parent.name}.${field.name}: ${description}`,
      fields: [{ field: field.name, description }],
    }),
  );
}

type Parsed =
  | { readonly ok: true; readonly value: string | number | bigint | boolean }
  | { readonly ok: false };

const INVALID: Parsed = { ok: false };

/** @returns undefined for fields that no text can fill: messages, maps, bytes */
function parseValue(field: DescField, text: string): Parsed | undefined {
  if (field.enum !== undefined) {
    const named = field.enum.values.find((value) => value.name === text)?.number;
    const number = named ?? (/^-?\d+$/.test(text) ? Number(text) : undefined);
    return number === undefined ? INVALID : { ok: true, value: number };
  }
  switch (field.fieldKind === "scalar" || field.fieldKind === "list" ? field.scalar : undefined) {
    case undefined:
    case ScalarType.BYTES:
      return undefined;
    case ScalarType.STRING:
      return { ok: true, value: text };
    case ScalarType.BOOL:
      return text === "true" || text === "false" ? { ok: true, value: text === "true" } : INVALID;
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return /^-?\d{1,19}$/.test(text) ? { ok: true, value: BigInt(text) } : INVALID;
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return /^\d{1,20}$/.test(text) ? { ok: true, value: BigInt(text) } : INVALID;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return text.trim() !== "" && Number.isFinite(Number(text))
        ? { ok: true, value: Number(text) }
        : INVALID;
    default:
      return /^-?\d{1,10}$/.test(text) ? { ok: true, value: Number(text) } : INVALID;
  }
}
