/**
 * Sets values from the URL's path on a decoded request: they win over the body, in every wire format that a REST path
 * takes.
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import type { Binding } from "./call.ts";
import { parseText, wrongText, type TextValue } from "./text-values.ts";

/** @throws FailureError REQUEST_INVALID for text that is no value of its field */
export function applyBindings(schema: DescMessage, message: Message, bindings: readonly Binding[]): void {
  if (bindings.length === 0) return;
  const root = reflect(schema, message);
  for (const { fields, value } of bindings) setText(root, fields, value);
}

/**
 * Sets a field, or adds to it where it is a list; the messages on the way are made where they are missing.
 *
 * @param path of single messages, but for its last field
 * @throws FailureError REQUEST_INVALID
 */
export function setText(root: ReflectMessage, path: readonly DescField[], text: string): void {
  const last = path.at(-1);
  if (last === undefined) return;
  const value = parseText(last, text);
  if (value === undefined) throw wrongText(path);
  setValue(path.slice(0, -1).reduce(enter, root), last, value);
}

function enter(message: ReflectMessage, field: DescField): ReflectMessage {
  if (field.fieldKind !== "message") throw new TypeError(`${field.name} is no single message`);
  const child = message.get(field);
  message.set(field, child);
  return child;
}

function setValue(message: ReflectMessage, field: DescField, value: TextValue): void {
  if (field.fieldKind === "list") message.get(field).add(value);
  else if (field.fieldKind !== "map") message.set(field, value);
}
