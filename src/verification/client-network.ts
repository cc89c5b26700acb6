/** Who counts as one client where only an IP address is known. */

/**
 * The part of an IP address that one subscriber has to itself: all of an IPv4 address, the first 64 bits of an IPv6
 * address (RFC 6177: a site gets that much or more, and every machine in it as many addresses as it likes).
 *
 * @param address as node prints it; what is no IP address comes back as it is
 * @returns IPv4 in dots, also for an IPv4-mapped address (RFC 4291 section 2.5.5.2), or `2001:db8:0:1::/64`
 */
export function networkOf(address: string): string {
  const [plain = ""] = address.split("%", 1);
  if (!plain.includes(":")) return plain;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = plain.split("::", 2);
  const leading = head === "" ? [] : head.split(":");
  const trailing = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - leading.length - trailing.length);
  const groups = [...leading, ...Array<string>(zeros).fill("0"), ...trailing];
  const network = groups.slice(0, 4).map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}
