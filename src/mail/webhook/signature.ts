/**
 * Signs what is posted, as Standard Webhooks 1.0.0 says, so that receivers verify it with a library of theirs:
 *
 *     webhook-id         the same at every try: a receiver that knows it has had the mail
 *     webhook-timestamp  of this try, in seconds since the Unix epoch: receivers refuse old ones
 *     webhook-signature  per secret `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64, separated by spaces
 *
 * Several secrets let a receiver go over to a new one without missing a mail.
 */
import { createHmac } from "node:crypto";

export interface SignatureHeaders {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  readonly "webhook-signature": string;
}

export interface Signable {
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly body: Uint8Array;
}

/** @param secrets 24 to 64 bytes each */
export function signatureHeaders(
  { id, nowMs, body }: Signable,
  secrets: readonly Uint8Array[],
): SignatureHeaders {
  const timestamp = String(Math.floor(nowMs / 1000));
  const sign = (secret: Uint8Array) =>
    createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("base64");
  return {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": secrets.map((secret) => `v1,${sign(secret)}`).join(" "),
  };
}
