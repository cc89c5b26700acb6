/**
 * Sends what waits in the outbox.
 *
 * An outbox row is one mail, mostly with one code. The transaction that made the code wrote the row, so there is no code without
 * its mail and no mail without its code. The dispatcher moves a row through seven states:
 *
 * queued     The row was written and nobody took it yet. It is due at once. Made by the command's transaction, or by a
 *            release before the first try; only a claim ends it.
 *
 * sending    A dispatcher took the row under a lease: an id that no other claim has, and a time until which the row is
 *            left alone. Entered from queued and retrying when the row is due, and from sending itself once the lease is
 *            over. Every claim counts as a try, unless it is released. Only the dispatcher that holds the lease moves the
 *            row on, into any of the states below; the store ignores a settlement with any other lease.
 *            A lost lease means that this dispatcher was too slow, or was thought dead: somebody else may be sending the
 *            mail by now. What it still says about the row is ignored, and nothing is repaired. If its relay had taken
 *            the mail, the reader gets it twice, both under one Message-ID; a mail that is lost is the greater evil.
 *
 * retrying   The last try failed in a way that may pass. The row is due again at a time of its own: see retry-policy.ts.
 *            Entered from sending, ended by a claim.
 *
 * sent       The relay, or the inbox, took responsibility. The same transaction records `user.human.email.code.sent`.
 * failed     The relay refused the mail for good, or it cannot be made: the key that sealed the code is gone.
 * cancelled  The mail lost its purpose before it was sent: its code was superseded by a newer one, or used, the address
 *            was changed or the user deleted, somebody cancelled it, or nobody can have the address (reserved-domains.ts)
 *            and the mail would leave this machine. The row says which.
 * expired    The code ended before the mail could be sent, or ends too soon for one more try.
 *
 * The last four are ends: entered from sending, and the sealed code is erased with them. Two of them have another way
 * in or out, without a dispatcher:
 *
 * - Somebody may cancel what is queued or retrying: it is cancelled at once. What is sending is only marked, and the
 *   dispatcher told, which withdraws the mail; had the relay begun to take it, this try is the last. A release or a
 *   retry of a marked row is its end.
 * - A sent mail may come back. Who learns of it reports it, and the row is `bounced`: the eighth state, and an end too.
 *
 * A row of kind "test" has no code and no user; one of kind "notice", to an address that another took the place of, has no
 * code, and no change of its user takes it back. Only its time and a person's word end such a row unsent. All else is
 * the same.
 *
 * Every try that asked a relay, or should have, is written down with its settlement, relay by relay: what people read of
 * a delivery later (rpc/delivery-service.ts) is what was recorded here.
 *
 * A claim that came to nothing without a relay's doing - the process stops, all relays rest - is released:
 * the row goes back to queued or retrying, due at once, as if it had not been claimed.
 *
 * Freshness: whether the code can still be used is looked up when the row is claimed, and a commit that changes the user
 * withdraws the mail from then on (hand-over.ts). It is looked up again when a connection is ready for the envelope, if
 * the first look is no longer recent or other processes write the database too; then answers about the user wait until the
 * relay has the envelope (Store.holdUser). So no envelope follows the answer to the command that superseded its code, or
 * to the call that cancelled it, whichever instance gave it and however long the relay took to say hello. More rows than
 * there are connections are claimed, so that no connection waits for a commit (claim-window.ts); they are as fresh as any.
 *
 * Settlements are gathered: what ends while one commit is under way shares the next. A dispatcher that finds its own row
 * due again, because the process was stopped past the lease or the store was away, adopts the new lease and goes on with
 * what it has: it never sends a mail that it is sending already. If the send is over by then, its outcome counts under
 * the new lease too, unless it says that the row is due: then the claim begins another try.
 */
import type { Logger } from "../observability/logger.ts";
import type { MailOutcome, Meters } from "../observability/meters.ts";
import { maskIdentifier } from "../observability/mask-address.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { DeliveryAttempt } from "../store/deliveries.ts";
import type { CancelRequest, ClaimedDelivery, Settlement, Store, UserHold } from "../store/store.ts";
import type { UserState } from "../verification/user/state.ts";
import { ClaimWindow } from "./claim-window.ts";
import { errorText } from "./error-text.ts";
import { unsentEnd, type UnsentEnd } from "./freshness.ts";
import { HandOver, type Leave } from "./hand-over.ts";
import type { MailGateway } from "./mail-gateway.ts";
import { mailLookOf, type MailLook } from "./mail-look.ts";
import type { SendOutcome } from "./mail-transport.ts";
import { nextAttempt, RETRY_DELAYS, type RetryDelay } from "./retry-policy.ts";
import { rowRequest } from "./row-request.ts";

export interface DispatcherOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  readonly keyring: Keyring;
  readonly gateway: MailGateway;
  readonly logger: Logger;
  readonly metrics?: Pick<Meters, "mailTried">;
  /** How long a claimed row is left alone. Default 120,000. */
  readonly leaseMs?: number;
  /** The part of the lease that one send may take: what waited longer for a connection is released. Default 90,000. */
  readonly maxSendMs?: number;
  /** How long one look at a code holds at most, where commits are heard of: clocks are set now and then. Default 1,000. */
  readonly lookHoldsMs?: number;
  /** Pause after an error of the store. Default 1,000. */
  readonly storeRetryMs?: number;
  /** 0 to 1, for the jitter of retries. Default Math.random. */
  readonly random?: () => number;
}

type Outcome = Settlement["outcome"];

/** Claims and settlements share their commits with calls, which wait for all of it. */
const MAX_ROWS_PER_COMMIT = 32;
/** Longest delay that setTimeout knows. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** Shortest wait for a row that is due but could not be claimed just now. */
const MIN_TIMER_MS = 20;
/** How long a stop waits for a gateway that was closed to let go of its sends. */
const LET_GO_MS = 500;

const RELEASED: Outcome = { state: "released" };
/** No change of a user ends a mail without a code. */
const NO_USER: UserHold = { user: undefined, untilMs: Infinity, release() {} };

/** A claimed row, until its outcome is recorded. */
interface Flight {
  readonly delivery: ClaimedDelivery;
  leaseId: string;
  leaseUntilMs: number;
  /** While the gateway has it. */
  handOver: HandOver | undefined;
  /** From the end of the send on. */
  outcome: Outcome | undefined;
}

/** How a flight ends, and the try that it made, if it made one. */
interface Ending {
  readonly outcome: Outcome;
  readonly tried?: DeliveryAttempt;
}

interface Ended extends Ending {
  readonly flight: Flight;
}

export class Dispatcher {
  readonly #store: Store;
  readonly #environments: EnvironmentFactory;
  readonly #keyring: Keyring;
  readonly #gateway: MailGateway;
  readonly #logger: Logger;
  readonly #metrics: DispatcherOptions["metrics"];
  readonly #window: ClaimWindow;
  readonly #leaseMs: number;
  readonly #maxSendMs: number;
  readonly #lookHoldsMs: number;
  readonly #storeRetryMs: number;
  readonly #random: () => number;

  /** By id of the delivery: from the claim to the recorded outcome. */
  readonly #flights = new Map<string, Flight>();
  /** Who cancelled a delivery that is sending; its claim's answer may come later than the news. */
  readonly #cancelRequests = new Map<string, string>();
  /** How many of them are still to be sent. */
  #sending = 0;
  /** What waits for the next settlement. */
  #ended: Ended[] = [];
  #stopping: AbortController | undefined;
  #unsubscribe = () => {};
  #timer: NodeJS.Timeout | undefined;
  #wanted = false;
  /** The one claiming loop and the one settling loop, while they run. */
  #claiming: Promise<void> | undefined;
  #settling: Promise<void> | undefined;
  /** No relay takes anything before this time. */
  #pausedUntilMs = 0;
  /** Called when there is nothing left in flight. */
  #idle: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    this.#store = options.store;
    this.#environments = options.environments;
    this.#keyring = options.keyring;
    this.#gateway = options.gateway;
    this.#logger = options.logger;
    this.#metrics = options.metrics;
    this.#window = new ClaimWindow(options.gateway.connections);
    this.#leaseMs = options.leaseMs ?? 120_000;
    this.#maxSendMs = options.maxSendMs ?? 90_000;
    this.#lookHoldsMs = options.store.hearsEveryCommit ? (options.lookHoldsMs ?? 1_000) : 0;
    this.#storeRetryMs = options.storeRetryMs ?? 1_000;
    this.#random = options.random ?? Math.random;
  }

  /** Takes what is due, then waits for commits that queue mail and for the time of the next row. */
  start(): void {
    if (this.#isRunning) return;
    this.#stopping = new AbortController();
    this.#unsubscribe = this.#store.committed(({ queuedMail, changedUsers, cancelRequests }) => {
      this.#withdraw(changedUsers);
      for (const request of cancelRequests) this.#cancel(request);
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
      if (this.#wanted && this.#hasRoom) this.wake();
    });
  }

  /**
   * Claims nothing more, releases what has not left yet, and waits for the rest. What is not over after the grace is
   * given up, by closing the gateway, and its rows are released.
   */
  async stop(graceMs = 10_000): Promise<void> {
    if (this.#stopping === undefined) return;
    this.#stopping.abort();
    clearTimeout(this.#timer);
    for (const { handOver } of this.#flights.values()) handOver?.withdraw();
    if (!(await this.#isDrainedWithin(graceMs))) {
      // First the end of the sends, then the release: a mail that is still being sent must not be sent by another.
      await this.#gateway.close();
      if (!(await this.#isDrainedWithin(LET_GO_MS))) await this.#abandon();
    }
    this.#unsubscribe();
  }

  get #isRunning(): boolean {
    return this.#stopping !== undefined && !this.#stopping.signal.aborted;
  }

  /** A few claims at a time rather than one by one: they share a commit. */
  get #hasRoom(): boolean {
    return this.#sending <= this.#window.size / 2;
  }

  async #isDrainedWithin(ms: number): Promise<boolean> {
    await this.#claiming;
    if (this.#flights.size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, ms, false);
    this.#idle = () => resolve(true);
    const isDrained = await promise;
    clearTimeout(timer);
    return isDrained;
  }

  /** What the closed gateway still says of these sends is ignored. */
  async #abandon(): Promise<void> {
    for (const flight of this.#flights.values()) this.#end(flight, { outcome: RELEASED });
    await this.#settling;
  }

  /** Mails to these users wait for another look at their codes, unless they have left. */
  #withdraw(userIds: readonly string[]): void {
    if (this.#sending === 0 || userIds.length === 0) return;
    const changed = new Set(userIds);
    for (const { delivery, handOver } of this.#flights.values()) {
      if (changed.has(delivery.userId)) handOver?.withdraw();
    }
  }

  #cancel({ deliveryId, by }: CancelRequest): void {
    this.#cancelRequests.set(deliveryId, by);
    this.#flights.get(deliveryId)?.handOver?.withdraw();
  }

  // --- claiming ---------------------------------------------------------------------------------------------------

  /** Never rejects. A wake that comes while it runs makes it look once more. */
  async #claimWhatIsDue(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      while (this.#isRunning && this.#wanted && this.#hasRoom) {
        this.#wanted = false;
        const dueMs = await this.#store.nextDeliveryDueMs();
        const nowMs = this.#environments.nowMs();
        if (dueMs === undefined || !this.#isRunning) continue;
        const startMs = Math.max(dueMs, this.#pausedUntilMs);
        const claimed = startMs <= nowMs ? await this.#claim(nowMs) : 0;
        if (claimed > 0) this.#wanted = true;
        else this.#wakeIn(startMs - nowMs);
      }
    } catch (error) {
      this.#logger.warn({ problem: errorText(error) }, "outbox cannot be read");
      this.#wakeIn(this.#storeRetryMs);
    }
  }

  async #claim(nowMs: number): Promise<number> {
    const leaseUntilMs = nowMs + this.#leaseMs;
    const count = Math.min(this.#window.size - this.#sending, MAX_ROWS_PER_COMMIT);
    const claimed = await this.#store.claimDeliveries(count, nowMs, leaseUntilMs);
    for (const delivery of claimed) {
      const { deliveryId, leaseId } = delivery;
      const own = this.#flights.get(deliveryId);
      if (own === undefined || isDue(own.outcome, nowMs))
        this.#begin({ delivery, leaseId, leaseUntilMs, handOver: undefined, outcome: undefined });
      else Object.assign(own, { leaseId, leaseUntilMs });
    }
    return claimed.length;
  }

  #wakeIn(delayMs: number): void {
    if (!this.#isRunning) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(delayMs, MIN_TIMER_MS), MAX_TIMER_MS));
  }

  // --- sending ----------------------------------------------------------------------------------------------------

  #begin(flight: Flight): void {
    this.#flights.set(flight.delivery.deliveryId, flight);
    this.#sending += 1;
    const beganMs = performance.now();
    void this.#attempt(flight)
      .catch((error: unknown) => ({
        outcome: this.#retryLater(flight, errorText(error), RETRY_DELAYS.internal),
      }))
      .then((ending) => {
        this.#sending -= 1;
        this.#window.note(performance.now() - beganMs);
        this.#end(flight, ending);
        this.wake();
      });
  }

  /** Checks, hands over, and looks again whenever the mail was withdrawn. */
  async #attempt(flight: Flight): Promise<Ending> {
    const look = await this.#lookOf(flight.delivery);
    while (this.#isRunning && !this.#isLate(flight)) {
      const { delivery } = flight;
      const handOver = new HandOver((lost) => this.#leaveOf(flight, lost));
      // Before the look at the user: a commit after it withdraws the mail.
      flight.handOver = handOver;
      const user = await this.#userOf(delivery);
      const unsent = this.#unsentEnd(delivery, user);
      if (unsent !== undefined) return { outcome: unsent };
      const request = rowRequest(delivery, user, this.#keyring);
      if ("problem" in request) return { outcome: { state: "failed", problem: request.problem } };
      const startedAtMs = this.#environments.nowMs();
      handOver.foundLive(this.#livesForMs(flight, startedAtMs));
      const sent = await this.#gateway.deliver({ ...request, ...(look !== undefined && { look }) }, handOver);
      handOver.end();
      if (sent.kind === "withdrawn") continue;
      const { tries, messageId } = sent;
      const tried = { startedAtMs, tries, ...(messageId !== undefined && { messageId }) };
      return { outcome: this.#outcomeOf(flight, sent), tried };
    }
    return { outcome: RELEASED };
  }

  async #lookOf({ organizationId }: ClaimedDelivery): Promise<MailLook | undefined> {
    const organization = await this.#store.findOrganization(organizationId);
    return organization && mailLookOf(organization.settings);
  }

  #userOf({ kind, userId }: ClaimedDelivery): Promise<UserState | undefined> {
    return kind === "code" ? this.#store.findUser(userId) : Promise.resolve(undefined);
  }

  #unsentEnd(delivery: ClaimedDelivery, user: UserState | undefined): UnsentEnd | undefined {
    return unsentEnd(delivery, {
      user,
      cancelledBy: this.#cancelRequests.get(delivery.deliveryId) ?? delivery.cancelRequestedBy ?? undefined,
      leavesMachine: this.#gateway.leavesMachine === true,
      nowMs: this.#environments.nowMs(),
    });
  }

  /** How long a mail that may leave now may leave unless a commit withdraws it. */
  #livesForMs({ delivery, leaseUntilMs }: Flight, nowMs: number): number {
    return Math.min(this.#lookHoldsMs, delivery.expiresAtMs - nowMs, leaseUntilMs - this.#maxSendMs - nowMs);
  }

  /** What a hand-over asks last. */
  async #leaveOf(flight: Flight, lost: () => void): Promise<Leave | undefined> {
    if (!this.#isRunning || this.#isLate(flight)) return undefined;
    const { delivery } = flight;
    const { deliveryId, userId } = delivery;
    const hold = delivery.kind === "code" ? await this.#store.holdUser(userId, lost, deliveryId) : NO_USER;
    // Seen before it is heard of, where another instance was asked.
    if (hold.cancelledBy !== undefined) this.#cancelRequests.set(deliveryId, hold.cancelledBy);
    if (this.#unsentEnd(delivery, hold.user) === undefined) return hold;
    hold.release();
    return undefined;
  }

  /** Too little is left of the lease for a send. */
  #isLate({ leaseUntilMs }: Flight): boolean {
    return this.#environments.nowMs() + this.#maxSendMs > leaseUntilMs;
  }

  #outcomeOf(flight: Flight, sent: Exclude<SendOutcome, { kind: "withdrawn" }>): Outcome {
    switch (sent.kind) {
      case "accepted":
        this.#pausedUntilMs = 0;
        return { state: "sent" };
      case "permanent":
        return { state: "failed", problem: sent.problem };
      case "transient":
        this.#pausedUntilMs = Math.max(this.#pausedUntilMs, sent.pausedUntilMs ?? 0);
        // No relay was asked: it was no try, and there will be none before the pause is over.
        if (sent.pausedUntilMs !== undefined && sent.tries.length === 0) return RELEASED;
        return this.#retryLater(flight, sent.problem, sent.delay);
    }
  }

  #retryLater({ delivery }: Flight, problem: string, delay: RetryDelay): Outcome {
    if (!this.#isRunning) return RELEASED;
    const { attempt, queuedAtMs, expiresAtMs } = delivery;
    const nowMs = this.#environments.nowMs();
    const retryAtMs = nextAttempt({
      attempt,
      nowMs,
      queuedAtMs,
      expiresAtMs,
      delay,
      random: this.#random,
    });
    return retryAtMs === undefined
      ? { state: "expired", problem: `no time for another try after: ${problem}` }
      : { state: "retrying", retryAtMs, problem };
  }

  // --- settling ---------------------------------------------------------------------------------------------------

  #end(flight: Flight, ending: Ending): void {
    if (flight.outcome !== undefined) return;
    flight.outcome = ending.outcome;
    flight.handOver = undefined;
    this.#report(flight, ending.outcome);
    this.#ended.push({ flight, ...ending });
    this.#settling ??= this.#settleWhatEnded().finally(() => (this.#settling = undefined));
  }

  /**
   * Writes outcomes, again and again while the store is away: a mail that was sent and not settled would be sent twice.
   * Past the lease too: the row is claimed anew then, and settled under that lease.
   */
  async #settleWhatEnded(): Promise<void> {
    while (this.#ended.length > 0) {
      const ended = this.#ended.splice(0, MAX_ROWS_PER_COMMIT);
      const leases = ended.map(({ flight }) => flight.leaseId);
      const isSettled = await this.#settle(ended);
      if (!isSettled && this.#isRunning) {
        this.#ended.unshift(...ended);
        await this.#pause();
        continue;
      }
      if (!isSettled) this.#logger.error({ count: ended.length }, "mails left to their leases");
      for (const [index, each] of ended.entries()) {
        // Claimed anew before the settlement: that one was ignored.
        if (isSettled && each.flight.leaseId !== leases[index]) this.#ended.push(each);
        else this.#forget(each.flight);
      }
      // Some of them may be due again, sooner than what the timer waits for.
      this.wake();
    }
    if (this.#flights.size === 0) this.#idle?.();
  }

  #forget(flight: Flight): void {
    const { deliveryId } = flight.delivery;
    // The row may have begun another flight.
    if (this.#flights.get(deliveryId) !== flight) return;
    this.#flights.delete(deliveryId);
    this.#cancelRequests.delete(deliveryId);
  }

  async #settle(ended: readonly Ended[]): Promise<boolean> {
    const settlements = ended.map(({ flight, outcome, tried }) => ({
      deliveryId: flight.delivery.deliveryId,
      leaseId: flight.leaseId,
      outcome,
      ...(tried !== undefined && { tried }),
    }));
    try {
      const env = this.#environments.plain({ kind: "system" });
      const { stale } = await this.#store.settleDeliveries(settlements, env);
      // Those with a lease of their own by now are settled once more.
      const adopted = ended.filter(
        ({ flight }, index) => flight.leaseId !== settlements[index]?.leaseId,
      ).length;
      if (stale > adopted)
        this.#logger.warn(
          { count: stale - adopted },
          "leases of mails were lost: their outcomes are ignored",
        );
      return true;
    } catch (error) {
      const problem = errorText(error);
      this.#logger.warn({ count: ended.length, problem }, "outcomes of mails cannot be recorded");
      return false;
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

  #report({ delivery }: Flight, outcome: Outcome): void {
    const how: MailOutcome = outcome.state;
    this.#metrics?.mailTried(how);
    const details = {
      deliveryId: delivery.deliveryId,
      userId: maskIdentifier(delivery.userId),
      attempt: delivery.attempt,
      state: outcome.state,
      ...("problem" in outcome && { problem: outcome.problem }),
    };
    const wentWrong = how === "failed" || how === "retrying" || how === "expired";
    this.#logger[wentWrong ? "warn" : "info"](details, `mail ${how}`);
  }
}

/** Whether a row that was claimed after this outcome has to be tried again; one without an outcome is being sent. */
function isDue(outcome: Outcome | undefined, nowMs: number): boolean {
  if (outcome === undefined) return false;
  return outcome.state === "released" || (outcome.state === "retrying" && outcome.retryAtMs <= nowMs);
}
