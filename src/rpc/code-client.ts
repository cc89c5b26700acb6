/** Whose wrong tries at codes are counted together: a principal's, or those from the address of an anonymous caller. */
import type { Call } from "./call.ts";

export function clientOf({ caller, clientAddress }: Pick<Call, "caller" | "clientAddress">): string {
  return caller.kind === "principal" ? `principal:${caller.userId}` : `address:${clientAddress}`;
}
