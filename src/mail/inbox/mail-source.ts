/** A mail of the inbox as the bytes that a relay would have carried. */
import type { Mail } from "../message.ts";
import { writeMime } from "../mime.ts";
import { pack } from "../smtp/parcel.ts";

/** An address that no relay would take is written as it is: here nothing leaves the machine. */
export function mailSource(mail: Mail): Uint8Array {
  return pack(mail)?.bytes ?? writeMime(mail, { from: mail.from.address, to: mail.to.address });
}
