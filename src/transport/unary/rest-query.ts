/**
 * Query parameters of google.api.http: `page.size=10&tag=a&tag=b`.
 *
 * They name fields of the request that neither the path nor the body holds, by proto or JSON name, with dots into
 * messages; a list's name comes once for each element. Names that are no such field are ignored, as grpc-gateway does.
 */
import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { setText } from "../../rpc/bindings.ts";
import { fieldPathName, hasText, textProblem } from "../../rpc/text-values.ts";
import { failure, FailureError } from "../../verification/failures.ts";
import type { HttpMapping } from "../http-rules.ts";

/** Of messages in messages, where they contain themselves: as deep as decoders go too. */
const MAX_DEPTH = 100;

/**
 * Sets what the query says on a message that already holds the body.
 *
 * @param query without the question mark
 * @throws FailureError for malformed percent-encoding, and for values that do not fit their fields
 */
export function applyQuery(
  schema: DescMessage,
  message: Message,
  query: string,
  mapping: Pick<HttpMapping, "body" | "pathFields">,
): void {
  if (query === "" || mapping.body === "message") return;
  const root = reflect(schema, message);
  const seen = new Set<string>();
  for (const [name, value] of parseQuery(query)) {
    const path = findPath(schema, name);
    if (path === undefined || isBound(path, mapping)) continue;
    const pathName = fieldPathName(path);
    if (seen.has(pathName) && path.at(-1)?.fieldKind !== "list")
      throw textProblem(path, "given more than once");
    seen.add(pathName);
    checkOneofs(root, path);
    setText(root, path, value);
  }
}

/** Whether the path or the body holds the field: nothing else may set it. */
export function isBound(
  path: readonly DescField[],
  { body, pathFields }: Pick<HttpMapping, "body" | "pathFields">,
): boolean {
  if (body === "message" || (body !== undefined && body === path[0])) return true;
  return pathFields.some(
    (bound) => bound.length === path.length && bound.every((field, index) => field === path[index]),
  );
}

function parseQuery(query: string): [name: string, value: string][] {
  try {
    return query.split("&").map((pair) => {
      const equals = pair.indexOf("=");
      const end = equals === -1 ? pair.length : equals;
      return [decode(pair.slice(0, end)), decode(pair.slice(end + 1))];
    });
  } catch (error) {
    const text = "malformed percent-encoding in the query";
    throw new FailureError(failure("REQUEST_MALFORMED", { text }), { cause: error });
  }
}

/** @throws URIError */
function decode(text: string): string {
  return decodeURIComponent(text.replaceAll("+", " "));
}

/** @returns undefined for a name that leads to no field */
function findPath(schema: DescMessage, name: string): DescField[] | undefined {
  const parts = name.split(".");
  if (parts.length > MAX_DEPTH) return undefined;
  const path: DescField[] = [];
  let message: DescMessage | undefined = schema;
  for (const part of parts) {
    const field: DescField | undefined = message?.fields.find(
      (candidate) => candidate.name === part || candidate.jsonName === part,
    );
    if (field === undefined) return undefined;
    path.push(field);
    message = field.fieldKind === "message" && !hasText(field.message) ? field.message : undefined;
  }
  return path;
}

/** Two members of one oneof contradict each other. */
function checkOneofs(root: ReflectMessage, path: readonly DescField[]): void {
  let message = root;
  for (const field of path) {
    const chosen = field.oneof && message.oneofCase(field.oneof);
    if (chosen !== undefined && chosen !== field) {
      throw textProblem(path, `${chosen.name} of the same oneof is set too`);
    }
    if (field.fieldKind !== "message" || !message.isSet(field)) return;
    message = message.get(field);
  }
}
