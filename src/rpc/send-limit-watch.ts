/** What is counted and said of limits on sending: refusals, and what a dry run would have refused. */
import type { Logger } from "../observability/logger.ts";
import { maskIdentifier } from "../observability/mask-address.ts";
import type { Meters } from "../observability/meters.ts";
import { FailureError } from "../verification/failures.ts";
import type { SendLimitName } from "../verification/user/commands.ts";
import { sendLimitOf } from "../verification/user/send-limits.ts";
import type { Call } from "./call.ts";

export interface SendLimitWatchOptions {
  readonly logger: Logger;
  readonly metrics: Meters;
}

export class SendLimitWatch {
  readonly #logger: Logger;
  readonly #metrics: Meters;

  constructor({ logger, metrics }: SendLimitWatchOptions) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** Of an error that a call ended with. The call's own line in the log names the reason. */
  failed(error: unknown): void {
    const limit = error instanceof FailureError ? sendLimitOf(error.failure.name) : undefined;
    if (limit !== undefined) this.#metrics.sendOverLimit(limit, "refused");
  }

  /** Of a call that a dry run let pass. */
  passed(limit: SendLimitName, userId: string, call: Call): void {
    this.#metrics.sendOverLimit(limit, "dry_run");
    this.#logger.warn(
      {
        limit,
        method: `${call.method.parent.typeName}/${call.method.name}`,
        user: maskIdentifier(userId),
        principal: call.caller.kind === "principal" ? maskIdentifier(call.caller.userId) : call.caller.kind,
        requestId: call.requestId,
        peer: call.clientAddress,
      },
      "a limit on sending would refuse the call; COUNTERSIGN_LIMITS is dry-run",
    );
  }
}
