/** The HTTP provider that mails are posted to: where it is, and what signs the mails. */
import { Secret } from "../../observability/secret.ts";
import { isLoopback } from "../../verification/host-name.ts";
import { Fault, parsed } from "./parsed.ts";
import { hostOf } from "./url-host.ts";

// Standard Webhooks 1.0.0, section "Signature scheme": 192 to 512 bits.
export const MIN_WEBHOOK_SECRET_BYTES = 24;
export const MAX_WEBHOOK_SECRET_BYTES = 64;

export const webhookUrl = parsed(parseWebhookUrl);

/** Separated by spaces. */
export const webhookSecrets = parsed(parseWebhookSecrets);

function parseWebhookUrl(text: string): URL | Fault {
  const url = URL.parse(text);
  if (url === null || !/^https?:\/\//i.test(text) || /\s/.test(text))
    return new Fault("is not an https:// URL");
  if (url.username !== "" || url.password !== "") {
    return new Fault("has credentials, which are not sent: what is posted is signed instead");
  }
  if (url.hash !== "") return new Fault("has a fragment (#), which is not sent");
  const host = hostOf(url);
  if (host instanceof Fault) return host;
  if (url.port === "0") return new Fault("has port 0");
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return new Fault("is http:// beyond this machine, and codes are sent over https:// only");
  }
  return url;
}

function parseWebhookSecrets(text: string): readonly Secret<Uint8Array>[] | Fault {
  const entries = text.split(/\s+/);
  const keys: Buffer[] = [];
  for (const [index, entry] of entries.entries()) {
    const place = `(secret ${index + 1} of ${entries.length})`;
    const [, base64 = ""] = /^whsec_([\w+/-]+={0,2})$/.exec(entry) ?? [];
    const key = Buffer.from(base64, "base64");
    if (key.length < MIN_WEBHOOK_SECRET_BYTES || key.length > MAX_WEBHOOK_SECRET_BYTES) {
      return new Fault(
        `is not whsec_ and ${MIN_WEBHOOK_SECRET_BYTES} to ${MAX_WEBHOOK_SECRET_BYTES} bytes in base64 ${place}`,
      );
    }
    if (keys.some((other) => other.equals(key))) return new Fault(`has the same secret twice ${place}`);
    keys.push(key);
  }
  return keys.map((key) => new Secret<Uint8Array>(key));
}
