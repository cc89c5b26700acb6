/**
 * Sends mails over SMTP, through the first relay that works.
 *
 * Relays are tried in order, for every mail anew. One that cannot be used - it is not reached, refuses the login, breaks
 * the session off - passes the mail on to the next; one that said something about the mail has the last word. A relay
 * with several faults on end rests (see circuit-breaker.ts) and is passed over, until a single mail finds it healthy
 * again. While all rest, sends end at once and touch no network.
 *
 * A relay that was handed the whole mail and then fell silent may have taken it. No other relay gets that mail then: the
 * two copies would be our own doing.
 */
import type { HandOverPermit, MailLogger, MailTransport, RelayTry, SendOutcome } from "../mail-transport.ts";
import type { Mail } from "../message.ts";
import { judge, RETRY_DELAYS, type RetryDelay } from "../retry-policy.ts";
import type { BreakerChange, Pass } from "../circuit-breaker.ts";
import { NothingLearnt } from "./nothing-learnt.ts";
import { pack, type Parcel } from "./parcel.ts";
import { RelayClient } from "./relay-client.ts";
import { DeliveryFault } from "./session.ts";
import { acceptedTry, describeProblem, failedTry, faultOf } from "./smtp-problem.ts";
import { describeRelays, SMTP_CONNECTIONS, type SmtpRelay } from "./smtp-relay.ts";
import { SMTP_TIME_LIMITS, type SmtpTimeLimits } from "./time-limits.ts";

export type { SmtpRelay } from "./smtp-relay.ts";

/** Relays end sessions that are idle for some minutes; some count them against a limit. */
export const SMTP_IDLE_MS = 30_000;

export interface SmtpTransportOptions {
  /** In the order in which they are tried for every mail; at least one. */
  readonly relays: readonly SmtpRelay[];
  readonly logger: MailLogger;
  /** Connections per relay, and so mails on their way at once. Default 5. */
  readonly connections?: number;
  /** How long a connection stays open between mails, in milliseconds. Default 30,000. */
  readonly idleMs?: number;
  /** Those that differ from SMTP_TIME_LIMITS, in milliseconds. */
  readonly timeLimits?: Partial<SmtpTimeLimits>;
  /** Milliseconds since the Unix epoch, for the rests of relays. Default Date.now. */
  readonly nowMs?: () => number;
  /** 0 to 1, for the jitter of rests. Default Math.random. */
  readonly random?: () => number;
}

const NO_SMTPUTF8 = "the relay lacks SMTPUTF8, which an address with non-ASCII characters before the @ needs";

/** What came of one relay, when it did not take the mail. */
interface Setback {
  readonly problem: string;
  /** None when the relay was not reached at all for reasons of our own. */
  readonly attempt?: RelayTry;
  readonly verdict: "transient" | "permanent";
  readonly delay: RetryDelay;
  /** Another relay may take the mail at once. */
  readonly isForNextRelay: boolean;
}

type RelayOutcome =
  | { readonly kind: "accepted"; readonly attempt: RelayTry }
  | { readonly kind: "withdrawn" }
  | ({ readonly kind: "setback" } & Setback);

export class SmtpTransport implements MailTransport {
  readonly description: string;
  readonly connections: number;
  readonly #relays: readonly RelayClient[];
  readonly #logger: MailLogger;
  readonly #untilFinalDotMs: number;

  /** @throws RangeError without a relay */
  constructor(options: SmtpTransportOptions) {
    if (options.relays.length === 0) throw new RangeError("an SMTP transport needs at least one relay");
    const limits = { ...SMTP_TIME_LIMITS, ...options.timeLimits };
    this.description = describeRelays(options.relays);
    this.connections = options.connections ?? SMTP_CONNECTIONS;
    this.#logger = options.logger;
    this.#untilFinalDotMs = limits.untilFinalDotMs;
    this.#relays = options.relays.map(
      (relay) =>
        new RelayClient({
          relay,
          limits,
          connections: this.connections,
          idleMs: options.idleMs ?? SMTP_IDLE_MS,
          nowMs: options.nowMs ?? Date.now,
          random: options.random ?? Math.random,
        }),
    );
  }

  async send(mail: Mail, permit: HandOverPermit): Promise<SendOutcome> {
    let parcel: Parcel | undefined;
    try {
      parcel = pack(mail);
    } catch (error) {
      // The name alone: messages may quote the mail.
      const name = error instanceof Error ? error.name : "unknown error";
      return { kind: "permanent", problem: `the mail cannot be written: ${name}`, tries: [] };
    }
    if (parcel !== undefined) return this.#sendParcel(parcel, mail, permit);
    const problem = "the address cannot be written in SMTP without changing it";
    return { kind: "permanent", problem, tries: [] };
  }

  async close(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.close()));
  }

  async #sendParcel(parcel: Parcel, mail: Mail, permit: HandOverPermit): Promise<SendOutcome> {
    const untilMs = performance.now() + this.#untilFinalDotMs;
    const setbacks: Setback[] = [];
    const tries = () => setbacks.flatMap(({ attempt }) => attempt ?? []);
    for (const relay of this.#relays) {
      if (performance.now() >= untilMs) break;
      const pass = relay.breaker.admit();
      if (pass === undefined) continue;
      const outcome = await this.#sendThrough(relay, pass, parcel, mail, permit, untilMs);
      if (outcome.kind === "withdrawn") return outcome;
      if (outcome.kind === "accepted") return { kind: "accepted", tries: [...tries(), outcome.attempt] };
      setbacks.push(outcome);
      if (!outcome.isForNextRelay) break;
    }
    return this.#failed(setbacks, tries());
  }

  async #sendThrough(
    relay: RelayClient,
    pass: Pass,
    parcel: Parcel,
    mail: Mail,
    permit: HandOverPermit,
    untilMs: number,
  ): Promise<RelayOutcome> {
    const failed = (error: unknown) => ({ kind: "failed", error }) as const;
    const result = await relay.handOver(parcel, permit, untilMs).catch(failed);
    switch (result.kind) {
      case "accepted":
        this.#note(relay, pass.healthy());
        return { kind: "accepted", attempt: acceptedTry(relay.name, result.reply, mail) };
      case "withdrawn":
        pass.unused();
        return result;
      case "no-smtputf8":
        this.#note(relay, pass.healthy());
        return withoutSmtpUtf8(relay.name);
      case "failed":
        return { kind: "setback", ...this.#setback(relay, pass, result.error, mail) };
    }
  }

  #setback(relay: RelayClient, pass: Pass, error: unknown, mail: Mail): Setback {
    const problem = describeProblem(error, mail);
    const fault = faultOf(error);
    const { verdict, about, misconfigured, why, delay } = judge(fault);
    const attempt = failedTry(relay.name, verdict, error, mail);
    if (
      error instanceof NothingLearnt ||
      (error instanceof DeliveryFault && error.cause instanceof NothingLearnt)
    ) {
      pass.unused();
      const isOurs = fault.isOutcomeUnknown !== true;
      return {
        problem,
        verdict: "transient",
        delay: isOurs ? RETRY_DELAYS.internal : delay,
        isForNextRelay: false,
        ...(!isOurs && { attempt }),
      };
    }
    if (about === "mail") this.#note(relay, pass.healthy());
    else {
      relay.lastFault = why;
      const level = misconfigured ? "error" : "warn";
      const { deliveryId } = mail.request;
      this.#logger[level]({ relay: relay.name, deliveryId, problem }, `relay unusable: ${why}`);
      this.#note(relay, pass.faulty(misconfigured));
    }
    const isForNextRelay = about === "relay" && fault.isOutcomeUnknown !== true;
    return { problem, attempt, verdict, delay, isForNextRelay };
  }

  #note(relay: RelayClient, { changedTo }: BreakerChange): void {
    const { restsUntilMs } = relay.breaker;
    if (changedTo === "closed") this.#logger.info({ relay: relay.name }, "relay takes mail again");
    else if (changedTo === "open" && restsUntilMs !== undefined) {
      const restsUntil = new Date(restsUntilMs).toISOString();
      this.#logger.warn({ relay: relay.name, restsUntil }, "relay rests");
    }
  }

  #failed(setbacks: readonly Setback[], tries: readonly RelayTry[]): SendOutcome {
    const last = setbacks.at(-1);
    const problem =
      last === undefined ? this.#whyAllRest() : setbacks.map((each) => each.problem).join("; next relay: ");
    // A relay that was not tried, or could not be, may take the mail later.
    const isRefusedByAll =
      last?.isForNextRelay === false
        ? last.verdict === "permanent"
        : setbacks.length === this.#relays.length && setbacks.every(({ verdict }) => verdict === "permanent");
    if (isRefusedByAll) return { kind: "permanent", problem, tries };
    const delay = last?.isForNextRelay === false ? last.delay : shortest(setbacks);
    const pausedUntilMs = this.#pausedUntilMs();
    return {
      kind: "transient",
      problem,
      tries,
      delay,
      ...(pausedUntilMs !== undefined && { pausedUntilMs }),
    };
  }

  /** Undefined when one of the relays would take a mail now. */
  #pausedUntilMs(): number | undefined {
    let earliestMs = Infinity;
    for (const { breaker } of this.#relays) {
      const { restsUntilMs } = breaker;
      if (restsUntilMs === undefined) return undefined;
      earliestMs = Math.min(earliestMs, restsUntilMs);
    }
    return earliestMs;
  }

  #whyAllRest(): string {
    const faults = this.#relays.map(({ name, lastFault }) => `${name}: ${lastFault || "being tried"}`);
    return `every relay rests after faults (${faults.join("; ")})`;
  }
}

function withoutSmtpUtf8(relay: string): RelayOutcome {
  return {
    kind: "setback",
    problem: NO_SMTPUTF8,
    attempt: { relay, outcome: "permanent", text: NO_SMTPUTF8 },
    verdict: "permanent",
    delay: RETRY_DELAYS.unreachable,
    isForNextRelay: true,
  };
}

/** Of those that are waited for: the first relay that is back takes the mail. */
function shortest(setbacks: readonly Setback[]): RetryDelay {
  const delays = setbacks.filter(({ verdict }) => verdict === "transient").map(({ delay }) => delay);
  return delays.toSorted((one, other) => one.minMs - other.minMs)[0] ?? RETRY_DELAYS.unreachable;
}
