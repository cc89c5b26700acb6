/** The host of a listening address, as others have to see it. */
import { isLoopback } from "../verification/host-name.ts";

/** By the address that is bound: a wildcard is reached under loopback names too, and from everywhere else. */
export function listensOnLoopback(host: string): boolean {
  return isLoopback(inBrackets(host));
}

/** A host as URLs spell it: IPv6 in brackets, and a wildcard as the name that reaches it from here. */
export function urlHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? "localhost" : inBrackets(host);
}

/** A host as settings spell it: IPv6 in brackets. */
export function inBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
