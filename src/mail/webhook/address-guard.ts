/**
 * Which addresses the HTTP provider may have.
 *
 * Codes are posted to a URL. If its name could be made to resolve to a service of the operator's own network, whoever
 * controls that name could make Countersign knock there (server-side request forgery). So a name has to resolve to
 * addresses of the internet, all of them; and it is checked in the look-up whose result is connected to, so that nobody
 * can answer twice and differently. An address that the operator wrote into the URL is meant, but for those that a
 * machine has for itself and its cloud: behind them are credentials of the machine.
 */
import { lookup as systemLookup, type LookupAddress, type LookupOptions } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

export type AddressKind =
  | "metadata"
  | "loopback"
  | "unspecified"
  | "link-local"
  | "private"
  | "multicast"
  | "reserved"
  | "public";

interface AddressRange {
  readonly kind: Exclude<AddressKind, "public">;
  /** CIDR. The first row with the address decides. */
  readonly ranges: readonly string[];
}

/** The registries of special addresses (RFC 6890), and what clouds use besides. */
export const ADDRESS_RANGES: readonly AddressRange[] = [
  {
    kind: "metadata",
    ranges: [
      "169.254.169.254/32", // most clouds
      "169.254.170.2/32", // Amazon's containers
      "fd00:ec2::254/128",
      "fd20:ce::254/128", // Google over IPv6
      "100.100.100.200/32", // Alibaba
      "168.63.129.16/32", // Azure
      "192.0.0.192/32", // Oracle
    ],
  },
  { kind: "loopback", ranges: ["127.0.0.0/8", "::1/128"] },
  { kind: "unspecified", ranges: ["0.0.0.0/8", "::/128"] }, // systems connect to themselves
  { kind: "link-local", ranges: ["169.254.0.0/16", "fe80::/10"] },
  {
    kind: "private",
    ranges: [
      "10.0.0.0/8", // RFC 1918
      "172.16.0.0/12",
      "192.168.0.0/16",
      "100.64.0.0/10", // RFC 6598: between a provider and its customers
      "fc00::/7", // RFC 4193
      "fec0::/10", // RFC 3879: its forerunner
    ],
  },
  { kind: "multicast", ranges: ["224.0.0.0/4", "ff00::/8"] },
  {
    kind: "reserved",
    ranges: [
      "192.0.0.0/24",
      "192.0.2.0/24", // documentation, here and below
      "198.51.100.0/24",
      "203.0.113.0/24",
      "2001:db8::/32",
      "3fff::/20",
      "192.88.99.0/24",
      "198.18.0.0/15", // benchmarks
      "240.0.0.0/4",
      "100::/64",
      // IPv4 within IPv6, on ways that pass by this table.
      "::/96",
      "::ffff:0:0:0/96",
      "64:ff9b:1::/48",
      "2001::/32",
      "2002::/16",
    ],
  },
];

/** RFC 6052: IPv6-only networks reach IPv4 through these, so that the IPv4 address counts. */
const NAT64_PREFIX = "64:ff9b::";
const NAT64_BITS = 96;

interface KindOfRanges {
  readonly kind: AddressKind;
  readonly list: BlockList;
}

/** Made with the first use: most services never have one, and it would take longer than reading the settings. */
let blockLists: readonly KindOfRanges[] | undefined;

/** @param address IPv4 or IPv6, without brackets; IPv4 within IPv6 (RFC 4291 section 2.5.5.2) counts as IPv4 */
export function kindOfAddress(address: string): AddressKind {
  const [bare = ""] = address.split("%", 1); // RFC 4007: the zone
  const version = isIP(bare);
  if (version === 0) return "reserved";
  blockLists ??= ADDRESS_RANGES.map(({ kind, ranges }) => ({ kind, list: blockListOf(ranges) }));
  const found = blockLists.find(({ list }) => list.check(bare, version === 4 ? "ipv4" : "ipv6"));
  return found?.kind ?? "public";
}

/**
 * For an address that stands in the URL.
 *
 * @param hostname as WHATWG URL spells it
 * @returns undefined when it may be connected to, or is a name
 */
export function addressProblem(hostname: string): string | undefined {
  const address = hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) return undefined;
  const kind = kindOfAddress(address);
  return kind === "metadata" || kind === "link-local" ? describe(hostname, "is", kind) : undefined;
}

/** A name resolved to where no code may go. Its message may be logged and stored. */
export class AddressRefused extends Error {
  readonly code = "ERR_ADDRESS_REFUSED";
}

export interface AddressPolicy {
  /** Whether names may resolve to addresses that the internet does not reach. */
  readonly allowPrivate: boolean;
  /** For cleartext: whether names must resolve to this machine. */
  readonly loopbackOnly: boolean;
}

type Resolve = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * For the option `lookup` of a connection: fails with AddressRefused when any of the name's addresses is refused.
 *
 * @param resolve the system's resolver, unless it is another
 */
export function createGuardedLookup(policy: AddressPolicy, resolve: Resolve = systemLookup): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const problem = error ?? refusal(hostname, addresses, policy);
      if (problem !== undefined || first === undefined) {
        done(problem ?? new AddressRefused(`${hostname} has no address`), "");
      } else if (options.all === true) {
        done(null, addresses);
      } else {
        done(null, first.address, first.family);
      }
    });
  };
}

function refusal(
  hostname: string,
  addresses: readonly LookupAddress[],
  { allowPrivate, loopbackOnly }: AddressPolicy,
): AddressRefused | undefined {
  const kinds = addresses.map(({ address }) => kindOfAddress(address));
  if (loopbackOnly && !kinds.every((kind) => kind === "loopback")) {
    return new AddressRefused(`${hostname} is not this machine: beyond it only https:// is spoken`);
  }
  const refused = allowPrivate ? undefined : kinds.find((kind) => kind !== "public");
  return refused && new AddressRefused(describe(hostname, "resolves to", refused));
}

function describe(hostname: string, verb: string, kind: Exclude<AddressKind, "public">): string {
  const article = kind === "unspecified" ? "an" : "a";
  return `${hostname} ${verb} ${article} ${kind} address; COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on allows it`;
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", bits = ""] = range.split("/");
    if (isIP(address) === 6) {
      list.addSubnet(address, Number(bits), "ipv6");
    } else {
      list.addSubnet(address, Number(bits), "ipv4");
      list.addSubnet(NAT64_PREFIX + address, NAT64_BITS + Number(bits), "ipv6");
    }
  }
  return list;
}
