/** An address for eyes that know it already: enough to recognize it by, too little to write to it. */

/** @returns `a***@example.com` */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf("@");
  const [first = ""] = address.slice(0, Math.max(0, at));
  return `${first}***${at === -1 ? "" : address.slice(at)}`;
}
