/** Addresses of the proxies that the operator trusts. */
import { BlockList, isIP } from "node:net";

/** @param networks addresses and networks, such as `10.0.0.0/8` @returns undefined for none */
export function trustedProxiesOf(networks: readonly string[]): TrustedProxies | undefined {
  return networks.length === 0 ? undefined : new TrustedProxies(networks);
}

export class TrustedProxies {
  readonly #list = new BlockList();

  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = "", prefix] = network.split("/");
      const family = familyOf(address);
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** @param address without zone and brackets; what is no IP address is not trusted */
  has(address: string): boolean {
    return isIP(address) !== 0 && this.#list.check(address, familyOf(address));
  }
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}
