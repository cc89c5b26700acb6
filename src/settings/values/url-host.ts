/** The host of a URL. */
import { isIP } from "node:net";
import { isHost } from "../../verification/host-name.ts";
import { Fault } from "./parsed.ts";

/** IP address, without brackets, or host name. URLs allow more than that, such as underscores. */
export function hostOf(url: URL): string | Fault {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return isHost(host) || isIP(host) === 6 ? host : new Fault("has neither an IP address nor a host name");
}
