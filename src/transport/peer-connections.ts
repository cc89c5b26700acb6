/**
 * How many connections one peer holds, so that none takes all that there are.
 *
 * A peer is an IPv4 address, or of IPv6 a /64. Who has as many connections as it may is refused a further one before a
 * byte of it is read, a TLS handshake included: the socket is closed, and the connections that it has go on. Proxies that
 * the operator trusts are not counted, because everybody's connections come from there.
 *
 * The log has the first refusal at once, then one line a minute, with how many there were: who floods the port does not
 * flood the log.
 */
import type { Socket } from "node:net";
import type { Logger } from "../observability/logger.ts";
import { networkOf } from "../verification/client-network.ts";
import { plainAddress } from "./forwarded.ts";
import { trustedProxiesOf, type TrustedProxies } from "./trusted-proxies.ts";

export interface PeerConnectionsOptions {
  /** 0 for no limit. */
  readonly maxPerAddress: number;
  /** Addresses and networks that are not counted. */
  readonly trustedProxies: readonly string[];
  readonly logger: Pick<Logger, "warn">;
  /** Milliseconds from any beginning. Default: `performance.now`. */
  readonly nowMs?: () => number;
}

const LOG_EVERY_MS = 60_000;

export class PeerConnections {
  readonly #maxPerAddress: number;
  readonly #trusted: TrustedProxies | undefined;
  readonly #logger: PeerConnectionsOptions["logger"];
  readonly #nowMs: () => number;
  readonly #open = new Map<string, number>();
  #refusedSinceLine = 0;
  #lastLineMs = -Infinity;

  constructor({
    maxPerAddress,
    trustedProxies,
    logger,
    nowMs = () => performance.now(),
  }: PeerConnectionsOptions) {
    this.#maxPerAddress = maxPerAddress;
    this.#trusted = trustedProxiesOf(trustedProxies);
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** Counts the connection until it closes. @returns false for one that was refused, and is closed */
  admit(socket: Socket): boolean {
    const { remoteAddress } = socket;
    // Undefined where the client has gone already.
    if (this.#maxPerAddress === 0 || remoteAddress === undefined) return true;
    const address = plainAddress(remoteAddress);
    if (this.#trusted?.has(address) === true) return true;
    const network = networkOf(address);
    const open = this.#open.get(network) ?? 0;
    if (open >= this.#maxPerAddress) {
      socket.destroy();
      this.#tell(network);
      return false;
    }
    this.#open.set(network, open + 1);
    socket.once("close", () => this.#forget(network));
    return true;
  }

  #forget(network: string): void {
    const left = (this.#open.get(network) ?? 0) - 1;
    if (left > 0) this.#open.set(network, left);
    else this.#open.delete(network);
  }

  #tell(network: string): void {
    this.#refusedSinceLine += 1;
    const nowMs = this.#nowMs();
    if (nowMs - this.#lastLineMs < LOG_EVERY_MS) return;
    this.#logger.warn(
      { peer: maskNetwork(network), refused: this.#refusedSinceLine, limit: this.#maxPerAddress },
      "a connection was refused: one address holds as many as it may; a proxy belongs in COUNTERSIGN_TRUSTED_PROXIES, else see COUNTERSIGN_CONNECTIONS_PER_ADDRESS",
    );
    this.#refusedSinceLine = 0;
    this.#lastLineMs = nowMs;
  }
}

/** Enough to look for in a firewall's counters, without naming the machine: `192.0.2.x`, or the /64 of IPv6 as it is. */
function maskNetwork(network: string): string {
  return network.replace(/\.\d+$/, ".x");
}
