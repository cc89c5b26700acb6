/** IP addresses and networks (`10.0.0.0/8`), separated by commas. */
import { isIP } from "node:net";
import { parseEntries } from "./entries.ts";
import { Fault, parsed } from "./parsed.ts";

export const networks = parsed((text): readonly string[] | Fault =>
  parseEntries(text, "entry", parseNetwork),
);

function parseNetwork(text: string): string | Fault {
  const [, address = "", prefix] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return new Fault("is not an IP address, nor a network such as 10.0.0.0/8");
  if (prefix === undefined) return text;
  if (Number(prefix) === 0) return new Fault("trusts everyone, who could then claim any address");
  if (Number(prefix) > (family === 4 ? 32 : 128)) return new Fault("has a prefix that is too long");
  return text;
}
