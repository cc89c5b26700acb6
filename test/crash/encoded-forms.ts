// How a text may lie in a file without being spelled out, and the search for it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The text in clear, in the other case, and in the encodings that programs use without thinking of secrets. */
export function formsOf(text: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(text);
  const hex = bytes.toString("hex");
  const percent = hex.replace(/../g, "%$&");
  const forms: [string, string | Buffer][] = [
    ["clear", text],
    ["lower case", text.toLowerCase()],
    ["UTF-16", Buffer.from(text, "utf16le")],
    ["hex", hex],
    ["upper-case hex", hex.toUpperCase()],
    ["percent-encoded", percent],
    ["upper-case percent-encoded", percent.toUpperCase()],
    ["percent-encoded where URLs need it", encodeURIComponent(text)],
  ];
  for (const before of [0, 1, 2]) {
    const base64 = withinBase64(bytes, before);
    forms.push([`base64, ${before} bytes into a group`, base64]);
    forms.push([`base64url, ${before} bytes into a group`, base64.replaceAll("+", "-").replaceAll("/", "_")]);
  }
  return new Map(forms.map(([name, form]) => [name, Buffer.from(form)]));
}

/** The digits that base64 has for the text, whatever stands around it; `before` bytes of its first group are another's. */
function withinBase64(bytes: Buffer, before: number): string {
  const digits = Buffer.concat([Buffer.alloc(before), bytes])
    .toString("base64")
    .replace(/=+$/, "");
  const firstOwn = Math.ceil((before * 8) / 6);
  const afterLastOwn = Math.floor(((before + bytes.length) * 8) / 6);
  return digits.slice(firstOwn, afterLastOwn);
}

/** Everything that is to be looked through, by a name for messages. */
export type Haystacks = ReadonlyMap<string, Buffer>;

/** Every file of a folder, by its name; the folder has no other folders. */
export function filesOf(folder: string): Haystacks {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
}

/** @returns `<form> of <name of the secret> in <haystack>` for every find */
export function findings(haystacks: Haystacks, secrets: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [secretName, secret] of secrets) {
    for (const [form, needle] of formsOf(secret)) {
      for (const [name, content] of haystacks) {
        if (content.includes(needle)) found.push(`${form} of ${secretName} in ${name}`);
      }
    }
  }
  return found;
}
