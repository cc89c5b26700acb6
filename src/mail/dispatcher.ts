/**
 * Sends what waits in the outbox.
 *
 * An outbox row is one mail with one code. The transaction that made the code wrote the row, so there is no code without
 * its mail and no mail without its code. A row is always in one of seven states:
 *
 * queued     The row was written and nobody took it yet. It is due at once. Only the command's transaction makes this
 *            state; only a claim ends it.
 *
 * sending    A dispatcher took the row under a lease: an id that no other claim has, and a time until which the row is
 *            left alone. Entered from queued and retrying when the row is due, and from sending itself once the lease is
 *            over. Every claim counts as a try. Only the dispatcher that holds the lease moves the row on, into any of
 *            the states below; the store ignores a settlement with any other lease.
 *            A lost lease means that this dispatcher was too slow, or was thought dead: somebody else may be sending the
 *            mail by now. What it still says about the row is ignored, and nothing is repaired. If its relay had taken
 *            the mail, the reader gets it twice, both under one Message-ID; a mail that is lost is the greater evil.
 *
 * retrying   The last try failed in a way that may pass. The row is due again at a time of its own: see retry-policy.ts.
 *            A try that a stop of the process broke off, or did not let begin, is one of those, and its row is due at
 *            once: released, for whoever comes next. Entered from sending, ended by a claim.
 *
 * sent       The relay, or the inbox, took responsibility. The same transaction records `user.human.email.code.sent`.
 * failed     The relay refused the mail for good, or it cannot be made: the key that sealed the code is gone.
 * cancelled  The mail lost its purpose before it was sent: its code was superseded by a newer one, or used, the address
 *            was changed or the user deleted. The row says which.
 * expired    The code ended before the mail could be sent, or ends too soon for one more try.
 *
 * The last four are ends: entered from sending, never left, and the sealed code is erased with them.
 *
 * A dispatcher claims no more rows than it can send at once. So nothing waits between the check whether the code can
 * still be used and the send. A process that stops releases its few open sends; one that dies leaves them to their leases.
 */
import type { Logger } from "pino";
import type { MailOutcome, Metrics } from "../observability/metrics.ts";
import { maskIdentifier } from "../observability/mask-address.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { ClaimedDelivery, Settlement, Store } from "../store/store.ts";
import { FailureError } from "../verification/failures.ts";
import { parseLinkTemplate, renderLink } from "../verification/url-template.ts";
import type { UserState } from "../verification/user/state.ts";
import { staleEnd } from "./freshness.ts";
import type { MailTransport } from "./mail-transport.ts";
import type { Compose, Mail } from "./message.ts";
import { nextAttempt, RETRY_SCHEDULE, type RetrySchedule } from "./retry-policy.ts";

export interface DispatcherOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  readonly keyring: Keyring;
  readonly transport: MailTransport;
  readonly compose: Compose;
  readonly logger: Logger;
  readonly metrics?: Pick<Metrics, "mailTried">;
  /** Mails being sent at once. Default 5. */
  readonly concurrency?: number;
  /** How long a claimed row is left alone; longer than any send takes. Default 60,000. */
  readonly leaseMs?: number;
  /** Default RETRY_SCHEDULE. */
  readonly retrySchedule?: RetrySchedule;
  /** Pause after an error of the store. Default 1,000. */
  readonly storeRetryMs?: number;
  /** 0 to 1, for the jitter of retries. Default Math.random. */
  readonly random?: () => number;
}

type Outcome = Settlement["outcome"];

/** Longest delay that setTimeout knows. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Shortest wait for a row that is due but could not be claimed just now. */
const MIN_TIMER_MS = 20;
/** How long a stop waits for a transport that was closed to let go of its sends. */
const LET_GO_MS = 500;

/** The problem of a row that was released. */
const RELEASED = "released: the process stopped";

export class Dispatcher {
  readonly #store: Store;
  readonly #environments: EnvironmentFactory;
  readonly #keyring: Keyring;
  readonly #transport: MailTransport;
  readonly #compose: Compose;
  readonly #logger: Logger;
  readonly #metrics: DispatcherOptions["metrics"];
  readonly #concurrency: number;
  readonly #leaseMs: number;
  readonly #retrySchedule: RetrySchedule;
  readonly #storeRetryMs: number;
  readonly #random: () => number;

  readonly #inFlight = new Map<ClaimedDelivery, Promise<void>>();
  #stopping: AbortController | undefined;
  /** After the grace of a stop: what fails from now on is not the relay's doing. */
  #isGivingUp = false;
  #unsubscribe = () => {};
  #timer: NodeJS.Timeout | undefined;
  /** The one claiming loop, while it runs. */
  #claiming: Promise<void> | undefined;
  #wanted = false;

  constructor(options: DispatcherOptions) {
    this.#store = options.store;
    this.#environments = options.environments;
    this.#keyring = options.keyring;
    this.#transport = options.transport;
    this.#compose = options.compose;
    this.#logger = options.logger;
    this.#metrics = options.metrics;
    this.#concurrency = options.concurrency ?? 5;
    this.#leaseMs = options.leaseMs ?? 60_000;
    this.#retrySchedule = options.retrySchedule ?? RETRY_SCHEDULE;
    this.#storeRetryMs = options.storeRetryMs ?? 1_000;
    this.#random = options.random ?? Math.random;
  }

  /** Takes what is due, then waits for commits that queue mail and for the time of the next row. */
  start(): void {
    if (this.#isRunning) return;
    this.#stopping = new AbortController();
    this.#isGivingUp = false;
    this.#unsubscribe = this.#store.committed(({ queuedMail }) => {
      if (queuedMail) this.wake();
    });
    this.wake();
  }

  /** Looks for due rows now. Nobody has to call it, unless the clock was moved. */
  wake(): void {
    if (!this.#isRunning) return;
    this.#wanted = true;
    this.#claiming ??= this.#claimWhatIsDue().finally(() => {
      this.#claiming = undefined;
      if (this.#wanted && this.#freeSlots > 0) this.wake();
    });
  }

  /**
   * Claims nothing more and waits for the sends in flight. What is not over after the grace is given up, by closing the
   * transport, and its rows are released.
   */
  async stop(graceMs = 10_000): Promise<void> {
    if (this.#stopping === undefined) return;
    this.#stopping.abort();
    this.#unsubscribe();
    clearTimeout(this.#timer);
    if (await this.#isDrainedWithin(graceMs)) return;
    // First the end of the sends, then the release: a mail that is still being sent must not be sent by another.
    this.#isGivingUp = true;
    await this.#transport.close();
    if (!(await this.#isDrainedWithin(LET_GO_MS))) await this.#release([...this.#inFlight.keys()]);
  }

  get #isRunning(): boolean {
    return this.#stopping !== undefined && !this.#stopping.signal.aborted;
  }

  get #freeSlots(): number {
    return this.#concurrency - this.#inFlight.size;
  }

  async #isDrainedWithin(ms: number): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const timer = setTimeout(late.resolve, ms, false);
    const isDrained = await Promise.race([this.#drain(), late.promise]);
    clearTimeout(timer);
    return isDrained;
  }

  async #drain(): Promise<true> {
    await this.#claiming;
    await Promise.all(this.#inFlight.values());
    return true;
  }

  /** What their sends still say is ignored: the lease is over. */
  async #release(deliveries: readonly ClaimedDelivery[]): Promise<void> {
    const settlements = deliveries.map(({ deliveryId, leaseId }) => ({
      deliveryId,
      leaseId,
      outcome: this.#released(),
    }));
    try {
      await this.#store.settleDeliveries(settlements, this.#environments.plain({ kind: "system" }));
      for (const delivery of deliveries) this.#report(delivery, this.#released());
    } catch (error) {
      const problem = describeError(error);
      this.#logger.warn({ count: deliveries.length, problem }, "mails left to their leases");
    }
  }

  #released(): Outcome {
    return { state: "retrying", retryAtMs: this.#environments.nowMs(), problem: RELEASED };
  }

  /** Never rejects. A wake that comes while it runs makes it look once more. */
  async #claimWhatIsDue(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      while (this.#isRunning && this.#wanted && this.#freeSlots > 0) {
        this.#wanted = false;
        const dueMs = await this.#store.nextDeliveryDueMs();
        const nowMs = this.#environments.nowMs();
        if (dueMs === undefined || !this.#isRunning) continue;
        const claimed = dueMs <= nowMs ? await this.#claim(nowMs) : 0;
        if (claimed > 0) this.#wanted = true;
        else this.#wakeIn(dueMs - nowMs);
      }
    } catch (error) {
      this.#logger.warn({ problem: describeError(error) }, "outbox cannot be read");
      this.#wakeIn(this.#storeRetryMs);
    }
  }

  async #claim(nowMs: number): Promise<number> {
    const leaseUntilMs = nowMs + this.#leaseMs;
    const claimed = await this.#store.claimDeliveries(this.#freeSlots, nowMs, leaseUntilMs);
    for (const delivery of claimed) this.#begin(delivery, leaseUntilMs);
    return claimed.length;
  }

  #wakeIn(delayMs: number): void {
    if (!this.#isRunning) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(delayMs, MIN_TIMER_MS), MAX_TIMER_MS));
  }

  #begin(delivery: ClaimedDelivery, leaseUntilMs: number): void {
    const work = this.#deliver(delivery, leaseUntilMs)
      .catch((error: unknown) => {
        this.#logger.error({ ...namesOf(delivery), problem: describeError(error) }, "delivery broke off");
      })
      .finally(() => {
        this.#inFlight.delete(delivery);
        this.wake();
      });
    this.#inFlight.set(delivery, work);
  }

  async #deliver(delivery: ClaimedDelivery, leaseUntilMs: number): Promise<void> {
    const outcome = this.#isRunning ? await this.#attempt(delivery) : this.#released();
    this.#report(delivery, outcome);
    await this.#settle(delivery, outcome, leaseUntilMs);
  }

  /** Checks, composes, sends. */
  async #attempt(delivery: ClaimedDelivery): Promise<Outcome> {
    let user: UserState | undefined;
    try {
      user = await this.#store.findUser(delivery.userId);
    } catch (error) {
      return this.#retryLater(delivery, describeError(error));
    }
    const stale = staleEnd(user, delivery, this.#environments.nowMs());
    if (stale !== undefined) return stale;
    const composed = this.#composeMail(delivery, user?.profile.displayName ?? "");
    if ("problem" in composed) return { state: "failed", problem: composed.problem };
    return this.#send(delivery, composed);
  }

  #composeMail(delivery: ClaimedDelivery, name: string): Mail | { readonly problem: string } {
    const { deliveryId, userId, organizationId, recipient, urlTemplate, queuedAtMs, expiresAtMs } = delivery;
    let code: string;
    try {
      code = this.#keyring.open(delivery.sealedCode, deliveryId);
    } catch (error) {
      return { problem: `the code cannot be opened: ${describeError(error)}` };
    }
    try {
      const parsed = parseLinkTemplate(urlTemplate);
      if (!parsed.ok) return { problem: `the link template cannot be read: ${parsed.failure.name}` };
      const link = renderLink(parsed.template, { UserID: userId, Code: code, OrgID: organizationId });
      const request = {
        deliveryId,
        recipient: { name, address: recipient },
        code,
        link,
        queuedAtMs,
        expiresAtMs,
      };
      return this.#compose(request);
    } catch (error) {
      // The name alone: messages of URL errors quote the URL.
      return { problem: `the mail cannot be composed: ${errorName(error)}` };
    }
  }

  async #send(delivery: ClaimedDelivery, mail: Mail): Promise<Outcome> {
    try {
      const sent = await this.#transport.send(mail);
      if (sent.kind === "accepted") return { state: "sent" };
      if (sent.kind === "permanent") return { state: "failed", problem: sent.problem };
      return this.#retryLater(delivery, sent.problem);
    } catch (error) {
      return this.#retryLater(delivery, `the transport broke: ${errorName(error)}`);
    }
  }

  #retryLater(delivery: ClaimedDelivery, problem: string): Outcome {
    if (this.#isGivingUp) return this.#released();
    const { attempt, queuedAtMs, expiresAtMs } = delivery;
    const failed = {
      attempt,
      nowMs: this.#environments.nowMs(),
      queuedAtMs,
      expiresAtMs,
      random: this.#random,
    };
    const retryAtMs = nextAttempt(failed, this.#retrySchedule);
    return retryAtMs === undefined
      ? { state: "expired", problem: `no time for another try after: ${problem}` }
      : { state: "retrying", retryAtMs, problem };
  }

  /**
   * Writes the outcome, again and again while the store is away and the lease lasts: a mail that was sent and not
   * settled would be sent twice.
   */
  async #settle(delivery: ClaimedDelivery, outcome: Outcome, leaseUntilMs: number): Promise<void> {
    const settlement = { deliveryId: delivery.deliveryId, leaseId: delivery.leaseId, outcome };
    const names = { ...namesOf(delivery), state: outcome.state };
    for (;;) {
      try {
        const { stale } = await this.#store.settleDeliveries(
          [settlement],
          this.#environments.plain({ kind: "system" }),
        );
        if (stale > 0) this.#logger.warn(names, "mail's lease was lost: its outcome is ignored");
        return;
      } catch (error) {
        const problem = describeError(error);
        const lasts = this.#isRunning && this.#environments.nowMs() + this.#storeRetryMs < leaseUntilMs;
        this.#logger[lasts ? "warn" : "error"]({ ...names, problem }, "mail's outcome cannot be recorded");
        if (!lasts) return;
        await this.#pause();
      }
    }
  }

  /** Ends early when the dispatcher stops. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const signal = this.#stopping?.signal;
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, this.#storeRetryMs);
      signal?.addEventListener("abort", end);
    });
  }

  #report(delivery: ClaimedDelivery, outcome: Outcome): void {
    const { state } = outcome;
    const how: MailOutcome = state === "retrying" && outcome.problem === RELEASED ? "released" : state;
    this.#metrics?.mailTried(how);
    const details = {
      ...namesOf(delivery),
      state,
      ...(outcome.state !== "sent" && { problem: outcome.problem }),
    };
    const wentWrong = how === "failed" || how === "retrying" || how === "expired";
    this.#logger[wentWrong ? "warn" : "info"](details, `mail ${how}`);
  }
}

/** What the log may say about a delivery. */
function namesOf({ deliveryId, userId, attempt }: ClaimedDelivery) {
  return { deliveryId, userId: maskIdentifier(userId), attempt };
}

/** For errors of the store and the keyring, whose messages hold neither codes nor addresses. */
function describeError(error: unknown): string {
  if (error instanceof FailureError) {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return `${error.failure.name}${cause}`;
  }
  return error instanceof Error ? error.message : "unknown error";
}

function errorName(error: unknown): string {
  return error instanceof Error ? error.name : "unknown error";
}
