/**
 * An e-mail address for logs: enough to recognize it by when one knows it, too little to write to it.
 *
 * @returns `a***@example.com`; `***` for a text without an `@`
 */
export function maskAddress(address: string): string {
  const at = address.lastIndexOf("@");
  if (at === -1) return "***";
  const [first = ""] = address.slice(0, at);
  return `${first}***${address.slice(at)}`;
}

/** An identifier for logs. Callers may choose ids, and some choose the address. */
export function maskIdentifier(id: string): string {
  return id.includes("@") ? maskAddress(id) : id;
}
