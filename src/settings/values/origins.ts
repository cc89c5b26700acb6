/** Origins of the web: scheme, host and port, spelled as browsers do. */
import { parseEntries } from "./entries.ts";
import { Fault, parsed } from "./parsed.ts";

export const origin = parsed(parseOrigin);

/** Separated by commas; or `*` alone. */
export const origins = parsed(parseOrigins);

function parseOrigin(text: string): string | Fault {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text)) return new Fault("is not an http:// or https:// URL");
  if (url.username !== "" || url.password !== "") return new Fault("has credentials");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return new Fault("has a path, query or fragment: only scheme, host and port are wanted");
  }
  return url.origin;
}

function parseOrigins(text: string): readonly string[] | Fault {
  const entries = text.split(",").map((part) => part.trim());
  if (entries.includes("*")) {
    return entries.length === 1 ? entries : new Fault("has other origins beside *, which stands for all");
  }
  if (text.includes("*"))
    return new Fault("has a * within an origin: write each one out, or * alone for any");
  return parseEntries(text, "origin", parseOrigin);
}
