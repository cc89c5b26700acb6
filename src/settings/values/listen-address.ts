/** `host:port`, of IPv6 `[address]:port`. */
import { isIP } from "node:net";
import { isHost } from "../../verification/host-name.ts";
import type { ListenAddress } from "../config-types.ts";
import { Fault, parsed } from "./parsed.ts";

export const listenAddress = parsed(parseListenAddress);

function parseListenAddress(text: string): ListenAddress | Fault {
  const [, bracketed, plain = "", digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  if (digits === undefined) {
    return new Fault(isIP(text) === 6 ? "is not host:port: write [address]:port" : "is not host:port");
  }
  const port = Number(digits);
  if (port > 65_535) return new Fault("has a port above 65535");
  if (bracketed !== undefined) {
    return isIP(bracketed) === 6
      ? { host: bracketed, port }
      : new Fault("has no IPv6 address between its brackets");
  }
  return isHost(plain)
    ? { host: plain, port }
    : new Fault("has neither an IP address nor a host name before its port");
}
