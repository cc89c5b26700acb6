/** Where the service is reached. */
import type { Setting } from "../setting.ts";
import { listenAddress } from "../values/listen-address.ts";
import { origin } from "../values/origins.ts";
import { wholeNumber } from "../values/whole-number.ts";

export const LISTENING_SETTINGS = {
  listen: {
    name: "LISTEN",
    schema: listenAddress,
    fallback: "127.0.0.1:8080",
    example: "0.0.0.0:8080",
    placeholder: "host:port",
    help: "Address to listen on; port 0 takes any free port.",
  },
  publicUrl: {
    name: "PUBLIC_URL",
    schema: origin,
    unset: "`http://`, with TLS `https://`, and the bound address",
    example: "https://verify.example.com",
    placeholder: "url",
    help: "Origin of the links in mails, as browsers reach it.",
    confidential: true,
  },
  connectionsPerAddress: {
    name: "CONNECTIONS_PER_ADDRESS",
    schema: wholeNumber(0, 16_384),
    fallback: "4096",
    example: "100",
    placeholder: "count",
    help: "Connections at a time from one IP address (of IPv6: one /64) that is none of TRUSTED_PROXIES, up to 16384; 0 for no such limit.",
  },
} as const satisfies Record<string, Setting>;
