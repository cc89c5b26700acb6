/** What the typed clients do by themselves around each call, whatever it travels over. */
import type { Interceptor } from "@connectrpc/connect";
import { withToken, type TokenSource } from "./access-token.ts";
import { withIdempotencyKey } from "./idempotency-keys.ts";
import { retryLost } from "./retry-lost.ts";
import { RETRIES, retryRefused, type RetryPolicy } from "./retry.ts";

export interface CallOptions {
  /** Access token, or what gives one for each try. Default: none, which VerifyEmail and CheckCode alone do with. */
  readonly token?: TokenSource;
  /** What is sent again by itself. Default: RETRIES. `false`: nothing. */
  readonly retry?: RetryPolicy | false;
  /** What makes the keys of calls that send or add. Default: 128 random bits. `false`: such calls have none, and are sent once. */
  readonly idempotencyKeys?: (() => string) | false;
}

/** The first is the outermost: the key stays the same over all tries, the token is asked for anew at each. */
export function stepsOf({ token, idempotencyKeys, retry = RETRIES }: CallOptions): Interceptor[] {
  return [
    ...(idempotencyKeys === false ? [] : [withIdempotencyKey(idempotencyKeys)]),
    ...(retry === false ? [] : [retryLost(retry), retryRefused(retry)]),
    ...(token === undefined ? [] : [withToken(token)]),
  ];
}
