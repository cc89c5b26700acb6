/** SMTP servers as URLs: `smtp://user:password@host:port`, with `smtps://` for TLS from the first byte. */
import { Secret } from "../../observability/secret.ts";
import type { SmtpServer } from "../config-types.ts";
import { parseEntries } from "./entries.ts";
import { Fault, parsed } from "./parsed.ts";
import { hostOf } from "./url-host.ts";

/** Separated by commas, in the order in which they are tried. */
export const smtpServers = parsed((text): readonly SmtpServer[] | Fault =>
  parseEntries(text, "server", parseSmtpServer),
);

function parseSmtpServer(text: string): SmtpServer | Fault {
  const [, scheme = ""] = /^(smtps?):\/\//i.exec(text) ?? [];
  if (scheme === "") return new Fault("does not begin with smtp:// or smtps://");
  const url = URL.parse(text);
  if (
    url === null ||
    /\s/.test(text) ||
    !/^\/?$/.test(url.pathname) ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    return new Fault(
      "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
    );
  }
  const secure = scheme.toLowerCase() === "smtps";
  const host = hostOf(url);
  if (host instanceof Fault) return host;
  if (url.port === "0") return new Fault("has port 0");
  const server = { host, port: url.port === "" ? (secure ? 465 : 587) : Number(url.port), secure };
  const user = percentDecoded(url.username);
  const password = percentDecoded(url.password);
  if (user === undefined || password === undefined) {
    return new Fault("has credentials with a control character or broken percent-encoding (% itself is %25)");
  }
  if ((user === "") !== (password === "")) return new Fault("has only one of user and password");
  return user === "" ? server : { ...server, user, password: new Secret(password) };
}

/** Undefined when broken, or when it holds control characters: NUL, for one, would end a field of SASL PLAIN. */
function percentDecoded(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text);
    return /\p{Cc}/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
