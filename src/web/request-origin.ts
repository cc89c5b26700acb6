/** Where a browser says that its request comes from and goes to. */
import { isLoopback } from "../verification/host-name.ts";

/** The host and port that the client asked for. */
export function requestedHost(request: Request): string {
  return request.headers.get("host") ?? new URL(request.url).host;
}

/**
 * Whether the client asked for this machine by a name that no DNS server can hand out. A page elsewhere can point its
 * own name at 127.0.0.1 and then read as its own what is served there (DNS rebinding); but its requests name its host.
 */
export function asksForLoopback(request: Request): boolean {
  const host = requestedHost(request);
  if (!/^[A-Za-z0-9.:[\]-]+$/.test(host)) return false;
  return isLoopback(URL.parse(`http://${host}`)?.hostname ?? "");
}

/**
 * Whether another site makes the browser send this. Fetch metadata decides where there is any; else the Origin, as far
 * as it names one: under this page's referrer policy browsers write `null` even for the page's own form.
 */
export function isCrossSite(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  if (origin === null || origin === "null") return false;
  return URL.parse(origin)?.host.toLowerCase() !== requestedHost(request).toLowerCase();
}
