/**
 * Domains that nobody can have: example.com, .net and .org, and everything in .test, .example, .invalid and .localhost
 * (RFC 2606 sections 2 and 3, RFC 6761 section 6). Mail to them only teaches relays that its sender makes addresses up.
 */

const TOP_LEVEL = ["test", "example", "invalid", "localhost"];
const SECOND_LEVEL = ["example.com", "example.net", "example.org"];

/** @returns the reserved domain that the address is in, such as `example.com` or `.test`; undefined when it is in none */
export function reservedDomain(address: string): string | undefined {
  // A final dot names the same domain.
  const domain = address
    .slice(address.lastIndexOf("@") + 1)
    .toLowerCase()
    .replace(/\.$/, "");
  const isIn = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  const topLevel = TOP_LEVEL.find(isIn);
  return topLevel === undefined ? SECOND_LEVEL.find(isIn) : `.${topLevel}`;
}
