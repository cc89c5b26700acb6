/** Paths of files and folders. */
import { normalize } from "node:path";
import { Fault, parsed } from "./parsed.ts";

export const filePath = parsed(parsePath);

export function parsePath(text: string): string | Fault {
  return text.includes("\0") ? new Fault("has a NUL character") : normalize(text);
}
