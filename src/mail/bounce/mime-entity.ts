/**
 * Takes a mail apart into its entities (RFC 2045, RFC 2046), as far as a report needs it: header fields, the nesting of
 * multiparts, transfer encodings. Whatever is broken is read as far as it goes; nothing throws, and time grows with the
 * size alone.
 */

export interface MimeEntity {
  /** By name in lower case, unfolded; of a field that comes twice, the first. */
  readonly fields: ReadonlyMap<string, string>;
  /** In lower case, without parameters, such as `message/delivery-status`. */
  readonly type: string;
  /** Without its transfer encoding, one character for each octet. "" for multiparts. */
  readonly body: string;
  /** Of multiparts. */
  readonly parts: readonly MimeEntity[];
}

/** Reports are nested two deep; forwarded ones a little deeper. */
const MAX_DEPTH = 8;
const MAX_PARTS = 100;

/** @param text one character for each octet */
export function parseEntity(text: string, depth = 0): MimeEntity {
  const lines = text.split(/\r?\n/);
  const blank = lines.indexOf("");
  const end = blank === -1 ? lines.length : blank;
  const fields = parseFields(lines.slice(0, end));
  const contentType = fields.get("content-type") ?? "text/plain";
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const boundary = type.startsWith("multipart/") ? parameter(contentType, "boundary") : undefined;
  if (boundary !== undefined && depth < MAX_DEPTH) {
    const parts = splitParts(lines.slice(end + 1), boundary).map((part) => parseEntity(part, depth + 1));
    return { fields, type, body: "", parts };
  }
  const encoded = lines.slice(end + 1).join("\n");
  return { fields, type, body: decode(encoded, fields.get("content-transfer-encoding") ?? ""), parts: [] };
}

/** All entities, the outer before the inner. */
export function* entitiesOf(entity: MimeEntity): Generator<MimeEntity> {
  yield entity;
  for (const part of entity.parts) yield* entitiesOf(part);
}

/** Header fields, as of mails, so of delivery reports. A line that begins with a blank continues the one before. */
export function parseFields(lines: readonly string[]): Map<string, string> {
  const unfolded: string[][] = [];
  for (const line of lines) {
    if (/^[ \t]/.test(line)) unfolded.at(-1)?.push(line.trim());
    else unfolded.push([line]);
  }
  const fields = new Map<string, string>();
  for (const parts of unfolded) {
    const line = parts.join(" ");
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name !== "" && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}

/** A parameter of a header field: `boundary="a b"` or `boundary=ab`. */
function parameter(field: string, name: string): string | undefined {
  const at = new RegExp(String.raw`;\s{0,100}${name}\s{0,10}=\s{0,10}`, "i").exec(field);
  if (at === null) return undefined;
  const rest = field.slice(at.index + at[0].length);
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(rest)?.[1]?.replace(/\\(.)/g, "$1");
  const value = quoted ?? /^[^;\s]*/.exec(rest)?.[0] ?? "";
  return value === "" ? undefined : value;
}

/** RFC 2046 section 5.1.1. Without a final boundary the last part goes on to the end. */
function splitParts(lines: readonly string[], boundary: string): string[] {
  const parts: string[] = [];
  let current: string[] | undefined;
  for (const line of lines) {
    const delimiter = line.startsWith(`--${boundary}`)
      ? line.slice(boundary.length + 2).trimEnd()
      : undefined;
    if (delimiter !== "" && delimiter !== "--") {
      current?.push(line);
      continue;
    }
    if (current !== undefined) parts.push(current.join("\n"));
    current = delimiter === "" ? [] : undefined;
    if (parts.length >= MAX_PARTS) return parts;
  }
  if (current !== undefined) parts.push(current.join("\n"));
  return parts;
}

/** RFC 2045 section 6. */
function decode(text: string, encoding: string): string {
  switch (encoding.trim().toLowerCase()) {
    case "base64":
      return Buffer.from(text, "base64").toString("latin1");
    case "quoted-printable":
      return text
        .replace(/[ \t]{0,100}=[ \t]{0,100}\n/g, (soft) => soft.slice(0, soft.indexOf("=")))
        .replace(/=([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    default:
      return text;
  }
}
