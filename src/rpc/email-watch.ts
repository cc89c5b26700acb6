/**
 * A watch of one user's address: what VerificationService.WatchEmail answers with.
 *
 * A watch looks at the user, tells the status if its client does not have it yet, and sleeps until the user changes or a
 * heartbeat is due. What it tells is always the newest status, so it keeps nothing but the sequence told last, whatever
 * happens meanwhile and however slow its client is, and a client that comes again with that sequence misses nothing.
 *
 * It is over, without an error, once it has told that the address is verified: nothing more is waited for. It is over
 * after a limit of time as well, so that what a client forgot to end does not stay for ever. Permissions are asked with
 * every look, for the caller's roles may change meanwhile; and the user may be deleted: then it ends with the refusal that
 * a new call would get.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { setTimeout as pause } from "node:timers/promises";
import type {
  WatchEmailRequest,
  WatchEmailResponseSchema,
} from "../../gen/countersign/v1/verification_service_pb.ts";
import type { StreamCall } from "./call.ts";
import { readEmailStatus, type EmailStatusSources } from "./email-status.ts";
import { StreamSeats, type SeatLimits } from "./stream-seats.ts";
import { UserBell } from "./user-bell.ts";

export interface EmailWatchOptions extends EmailStatusSources {
  /** How many watches may be open. Default: 500 of one principal and of one organization, for an app's server waits for all its users; 5 of a principal without a role; 1,000 in all. */
  readonly emailWatchLimits?: SeatLimits | undefined;
  /** How long a watch may take, in milliseconds. Default: 10 minutes. */
  readonly emailWatchMs?: number | undefined;
  /** After so many milliseconds without a message a watch sends a heartbeat. Default: 15,000. */
  readonly heartbeatMs?: number | undefined;
}

const WATCH_LIMITS: SeatLimits = {
  perPrincipal: 500,
  perPrincipalWithoutRole: 5,
  perOrganization: 500,
  inAll: 1_000,
};
const WATCH_MS = 10 * 60_000;
const HEARTBEAT_MS = 15_000;
/** Changes that follow one another closely are told as one. */
const GATHERING_MS = 20;
/** Where others write the database too, and nobody tells. */
const POLL_MS = 500;

type Message = MessageInitShape<typeof WatchEmailResponseSchema>;

export class EmailWatches {
  readonly #options: EmailWatchOptions;
  readonly #seats: StreamSeats;
  readonly #bell: UserBell;

  constructor(options: EmailWatchOptions) {
    this.#options = options;
    this.#seats = new StreamSeats(options.emailWatchLimits ?? WATCH_LIMITS);
    this.#bell = new UserBell(options.store);
  }

  /** @throws FailureError QUERY_USER_NOT_FOUND, what the caller lacks, or STREAM_LIMIT_REACHED */
  async *watch({ userId, afterSequence }: WatchEmailRequest, call: StreamCall): AsyncGenerator<Message> {
    const { emailWatchMs = WATCH_MS, heartbeatMs = HEARTBEAT_MS, store } = this.#options;
    // Who may not look takes no seat.
    await readEmailStatus(this.#options, userId, call.caller);
    this.#seats.take(call);
    const lookEveryMs = store.hearsEveryCommit ? heartbeatMs : Math.min(POLL_MS, heartbeatMs);
    const endMs = performance.now() + emailWatchMs;
    const ring = this.#bell.of(userId);
    let told = afterSequence;
    let heartbeatDueMs = 0;
    try {
      while (!call.signal.aborted) {
        const status = await readEmailStatus(this.#options, userId, call.caller);
        if (status.isVerified || status.sequence !== told) {
          yield { message: { case: "status", value: status } };
          if (status.isVerified) return;
          told = status.sequence;
          heartbeatDueMs = performance.now() + heartbeatMs;
        } else if (performance.now() >= heartbeatDueMs) {
          yield this.#heartbeat();
          heartbeatDueMs = performance.now() + heartbeatMs;
        }
        const leftMs = endMs - performance.now();
        if (leftMs <= 0) return;
        await ring.wait(call.signal, Math.min(heartbeatDueMs - performance.now(), lookEveryMs, leftMs));
        await pause(Math.min(GATHERING_MS, heartbeatMs));
      }
    } finally {
      ring.end();
    }
  }

  #heartbeat(): Message {
    const time = timestampFromMs(this.#options.environments.nowMs());
    return { message: { case: "heartbeat", value: { time } } };
  }
}
