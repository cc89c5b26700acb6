/** Where the HTTP provider is, and what it is trusted with. */
import { isLoopback } from "../../verification/host-name.ts";
import { addressProblem } from "./address-guard.ts";

/** Plain data: it crosses to the mail thread. */
export interface WebhookEndpoint {
  /** `https:`, or `http:` to this machine. Its path and query may hold a token: neither is ever logged. */
  readonly url: string;
  /** Keys of the signatures, newest first, at least one. A receiver knows one of them. */
  readonly secrets: readonly Uint8Array[];
  /** Whether the host may be one that the internet does not reach. */
  readonly allowPrivate: boolean;
}

/** Connections to the provider. */
export const WEBHOOK_CONNECTIONS = 10;

/** `HTTP provider https://mailer.example.com`; names no path and no query. */
export function describeEndpoint({ url }: WebhookEndpoint): string {
  return `HTTP provider ${new URL(url).origin}`;
}

/** `host:port`, as relays are called. */
export function endpointName({ url }: WebhookEndpoint): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`;
}

/**
 * What is wrong with an endpoint that can be told without asking anyone; the settings refuse most of it before. Names no
 * path and no query.
 *
 * @returns undefined when nothing is
 */
export function endpointProblem(endpoint: WebhookEndpoint): string | undefined {
  const url = new URL(endpoint.url);
  if (url.username !== "" || url.password !== "") return "the URL has credentials, which are not sent";
  if (url.protocol !== "https:" && !isCleartextAllowed(url)) {
    return `${url.origin} would get codes in clear: only https:// is spoken beyond this machine`;
  }
  return endpoint.allowPrivate ? undefined : addressProblem(url.hostname);
}

/** Never beyond this machine. A name must, besides, resolve to loopback alone: see createGuardedLookup. */
export function isCleartextAllowed({ protocol, hostname }: URL): boolean {
  return protocol === "http:" && isLoopback(hostname);
}
