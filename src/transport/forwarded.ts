/**
 * What proxies say of the hops before them: `Forwarded` (RFC 7239) and `X-Forwarded-For`. Anybody can write these headers:
 * what may be believed is decided in client-addresses.ts.
 */
import { isIP } from "node:net";

/** Longer headers are read as no header: no honest chain of proxies is that long. */
export const MAX_FORWARDED_LENGTH = 2_048;

/** Of each hop the IP address in its plain spelling; undefined for one that is hidden or unknown, or no address at all. */
export type Hops = readonly (string | undefined)[];

// RFC 7239 section 4: token "=" ( token / quoted-string ), tokens and quoted strings by RFC 9110 section 5.6.
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = String.raw`"((?:[\t \x21\x23-\x5B\x5D-\x7E\x80-\xFF]|\\[\t \x21-\x7E\x80-\xFF])*)"`;
const PAIR = new RegExp(`[ \\t]*(${TOKEN})=(?:(${TOKEN})|${QUOTED})[ \\t]*([;,]|$)`, "y");

/**
 * @param header all of its lines, joined by commas
 * @returns the hops in the header's order: the client's own first; undefined where the header breaks its grammar, because
 *   nobody can tell then which part of it is whose
 */
export function readForwarded(header: string): Hops | undefined {
  if (header.length > MAX_FORWARDED_LENGTH) return undefined;
  const hops: (string | undefined)[] = [];
  let hop: string | undefined;
  let names = new Set<string>();
  for (let at = 0; ;) {
    PAIR.lastIndex = at;
    const pair = PAIR.exec(header);
    if (pair === null) return undefined;
    const [text, name = "", token, quoted = "", end] = pair;
    const parameter = name.toLowerCase();
    // Section 4: each parameter at most once in an element.
    if (names.has(parameter)) return undefined;
    names.add(parameter);
    if (parameter === "for") hop = nodeAddress(token ?? quoted.replace(/\\(.)/gs, "$1"));
    at += text.length;
    if (end === ";") continue;
    hops.push(hop);
    if (end === "") return hops;
    hop = undefined;
    names = new Set();
  }
}

/** @returns as `readForwarded`; undefined only for a header that is too long */
export function readForwardedFor(header: string): Hops | undefined {
  return header.length > MAX_FORWARDED_LENGTH ? undefined : header.split(",").map(nodeAddress);
}

/**
 * An address with or without a port: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`.
 *
 * @returns undefined for everything else, such as `unknown` and `_hidden` (RFC 7239 section 6)
 */
function nodeAddress(text: string): string | undefined {
  const node = text.trim();
  const [, bracketed, plain] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:\d{1,5}|_[A-Za-z0-9._-]+))?$/.exec(node) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? plainAddress(bracketed) : undefined;
  const address = plain ?? node;
  return isIP(address) === 0 || address.includes("%") ? undefined : plainAddress(address);
}

/** Without a zone, and IPv4 in dots where it is mapped into IPv6, as sockets of both kinds report it (RFC 4291 section 2.5.5.2). */
export function plainAddress(address: string): string {
  const [plain = ""] = address.split("%", 1);
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1] ?? plain;
}
