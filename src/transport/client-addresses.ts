/**
 * Whose request it is, by IP address: what limits count by and the log names.
 *
 * That is the peer of the socket, unless it is a proxy that the operator trusts. A proxy appends to what it was sent the
 * address that it was sent from, so the headers are read from the right: past trusted proxies, to the first address that
 * is none. What stands left of that was written by a stranger, and is not looked at. Where a hop is no address (hidden,
 * unknown, garbage), the one that reported it stands for the client: what lies behind it might be made up.
 *
 * A proxy that writes one of the two headers may pass on the other as the client sent it. So where both are there, they
 * have to name the same client; else the proxy itself is taken for it. Nobody can choose an address by that, only give
 * its own away.
 */
import { networkOf } from "../verification/client-network.ts";
import { plainAddress, readForwarded, readForwardedFor, type Hops } from "./forwarded.ts";
import { trustedProxiesOf, type TrustedProxies } from "./trusted-proxies.ts";
import type { Exchange } from "./unary/exchange.ts";

/** Of an exchange, what tells whose it is. */
export type ClientTraces = Pick<Exchange, "get" | "peerAddress">;

export class ClientAddresses {
  readonly #trusted: TrustedProxies | undefined;

  /** @param trustedProxies addresses and networks, such as `10.0.0.0/8`; none: peers are clients */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = trustedProxiesOf(trustedProxies);
  }

  /** @returns "" where even the peer is unknown */
  of(exchange: ClientTraces): string {
    const { peerAddress } = exchange;
    if (this.#trusted === undefined) return peerAddress;
    const peer = plainAddress(peerAddress);
    if (!this.#isTrusted(peer)) return peerAddress;
    const forwarded = exchange.get("forwarded");
    const forwardedFor = exchange.get("x-forwarded-for");
    const named: (string | undefined)[] = [];
    if (forwarded !== null) named.push(this.#clientIn(readForwarded(forwarded), peer));
    if (forwardedFor !== null) named.push(this.#clientIn(readForwardedFor(forwardedFor), peer));
    const [client = peer, other = client] = named;
    const agree = !named.includes(undefined) && networkOf(client) === networkOf(other);
    return agree ? client : peer;
  }

  /** @returns undefined for a header that cannot be read */
  #clientIn(hops: Hops | undefined, peer: string): string | undefined {
    if (hops === undefined) return undefined;
    let client = peer;
    for (const hop of hops.toReversed()) {
      if (hop === undefined) return client;
      client = hop;
      if (!this.#isTrusted(hop)) return client;
    }
    return client;
  }

  #isTrusted(address: string): boolean {
    return this.#trusted?.has(address) === true;
  }
}
