/** Waits for an address to be verified, over any break. */
import type { Client } from "@connectrpc/connect";
import type { EmailStatus, VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import type { CallFailure } from "./call-failure.ts";
import { resumed } from "./resumed.ts";

export interface WatchEmailOptions {
  /** Ends it, without an error. So does leaving the loop. */
  readonly signal?: AbortSignal | undefined;
  /** Told of each break, before the next try. */
  readonly onBreak?: ((failure: CallFailure) => void) | undefined;
  /** After so many milliseconds without a heartbeat the connection counts as lost. Default: 45,000, three heartbeats. */
  readonly silenceMs?: number | undefined;
}

/**
 * Where the user's address stands, at once and after every change; over once it is verified.
 *
 *     for await (const { isVerified } of watchEmail(countersign, userId)) show(isVerified);
 *
 * @throws ConnectError for what `callFailure` reads; also where the first watch cannot be opened
 */
export async function* watchEmail(
  { verification }: { readonly verification: Client<typeof VerificationService> },
  userId: string,
  { signal = new AbortController().signal, onBreak, silenceMs }: WatchEmailOptions = {},
): AsyncGenerator<EmailStatus> {
  let afterSequence: bigint | undefined;
  const messages = resumed(
    (options) =>
      verification.watchEmail({ userId, ...(afterSequence !== undefined && { afterSequence }) }, options),
    { signal, onBreak, silenceMs },
  );
  for await (const { message } of messages) {
    if (message.case !== "status") continue;
    afterSequence = message.value.sequence;
    yield message.value;
    if (message.value.isVerified) return;
  }
}
