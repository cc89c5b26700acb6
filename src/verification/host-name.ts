/** Names of hosts. */

const OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4_ADDRESS = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

export function isIpv4Address(text: string): boolean {
  return IPV4_ADDRESS.test(text);
}

/** An IPv4 address, or a host name by RFC 1123 section 2.1; its last label is no number, or it would be a broken address. */
export function isHost(text: string): boolean {
  if (isIpv4Address(text)) return true;
  const labels = text.replace(/\.$/, "").split(".");
  return (
    text.length <= 253 &&
    labels.every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
}

/** RFC 6761 section 6.3 names and the loopback addresses, as WHATWG URL spells host names. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}
