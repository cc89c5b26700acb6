/**
 * Hands mails to an HTTP provider: each is posted, signed, to one URL, and whoever listens there sends it.
 *
 * The provider is treated as a relay is: a 2xx is its yes, rules say what everything else means (http-rules.ts), a circuit
 * breaker keeps mails off it while it does not work, and it may ask for a pause (Retry-After) that all mails keep.
 *
 * What comes back is not trusted: of an answer only the status and Retry-After are read, and problems are made of host,
 * status and error codes. So no code, link, address, path or answer gets into logs or the store.
 */
import { packageVersion } from "../../observability/package-version.ts";
import type { HandOverPermit, MailLogger, MailTransport, RelayTry, SendOutcome } from "../mail-transport.ts";
import type { Mail } from "../message.ts";
import type { RetryDelay } from "../retry-policy.ts";
import { CircuitBreaker, type BreakerChange, type Pass } from "../circuit-breaker.ts";
import { AddressRefused } from "./address-guard.ts";
import { HTTP_DELAYS, judgeHttp, type HttpJudgement } from "./http-rules.ts";
import { buildPayload } from "./payload.ts";
import { delayAfter, parseRetryAfter } from "./retry-after.ts";
import { signatureHeaders } from "./signature.ts";
import { PostFault, PostGivenUp, PostTimeout, WebhookClient, type PostResult } from "./webhook-client.ts";
import {
  describeEndpoint,
  endpointName,
  endpointProblem,
  WEBHOOK_CONNECTIONS,
  type WebhookEndpoint,
} from "./webhook-endpoint.ts";

export type { WebhookEndpoint } from "./webhook-endpoint.ts";

export interface WebhookTransportOptions {
  readonly endpoint: WebhookEndpoint;
  readonly logger: MailLogger;
  /** And so mails on their way at once. Default 10. */
  readonly connections?: number;
  /** For the look-up of the name, TCP and TLS together. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** For a whole try; has to end before the lease of a delivery does. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Milliseconds since the Unix epoch, for timestamps and pauses. Default Date.now. */
  readonly nowMs?: () => number;
  /** 0 to 1, for the jitter of rests. Default Math.random. */
  readonly random?: () => number;
}

type Answer = Extract<PostResult, { kind: "answered" }>;

export class WebhookTransport implements MailTransport {
  readonly description: string;
  readonly connections: number;
  readonly #endpoint: WebhookEndpoint;
  readonly #name: string;
  readonly #logger: MailLogger;
  readonly #client: WebhookClient;
  readonly #breaker: CircuitBreaker;
  readonly #nowMs: () => number;
  readonly #userAgent = `countersign/${packageVersion()}`;
  /** The provider asked to be left alone until then. */
  #pausedUntilMs = 0;
  /** Why it rests, if it does. */
  #lastFault = "";

  /** @throws RangeError without a secret */
  constructor(options: WebhookTransportOptions) {
    const { endpoint, logger } = options;
    if (endpoint.secrets.length === 0) throw new RangeError("an HTTP provider needs at least one secret");
    this.description = describeEndpoint(endpoint);
    this.connections = options.connections ?? WEBHOOK_CONNECTIONS;
    this.#endpoint = endpoint;
    this.#name = endpointName(endpoint);
    this.#logger = logger;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#breaker = new CircuitBreaker({ nowMs: this.#nowMs, random: options.random ?? Math.random });
    this.#client = new WebhookClient({
      endpoint,
      connections: this.connections,
      connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
      requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    });
  }

  async send(mail: Mail, permit: HandOverPermit): Promise<SendOutcome> {
    const pass = this.#nowMs() < this.#pausedUntilMs ? undefined : this.#breaker.admit();
    if (pass === undefined) return this.#resting();
    try {
      const problem = endpointProblem(this.#endpoint);
      if (problem !== undefined) throw new PostFault(new AddressRefused(problem), false);
      const result = await this.#post(mail, permit);
      if (result.kind === "answered") return this.#judgeAnswer(result, pass, mail);
      pass.unused();
      return result;
    } catch (error) {
      return this.#judgeFault(error, pass, mail);
    }
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #post(mail: Mail, permit: HandOverPermit): Promise<PostResult> {
    const body = Buffer.from(JSON.stringify(buildPayload(mail)));
    const id = mail.request.deliveryId;
    const headers = () => ({
      "user-agent": this.#userAgent,
      ...signatureHeaders({ id, nowMs: this.#nowMs(), body }, this.#endpoint.secrets),
    });
    return this.#client.post({ body, headers, permit });
  }

  #judgeAnswer({ status, retryAfter }: Answer, pass: Pass, mail: Mail): SendOutcome {
    const judgement = judgeHttp({ status, errorCodes: [], isUnanswered: false });
    if (judgement.verdict === "accepted") {
      this.#note(pass.healthy());
      this.#pausedUntilMs = 0;
      return { kind: "accepted", tries: [this.#try("accepted", String(status), status)] };
    }
    const waitMs = judgement.misconfigured ? undefined : parseRetryAfter(retryAfter, this.#nowMs());
    if (waitMs !== undefined && judgement.about === "provider") this.#pausedUntilMs = this.#nowMs() + waitMs;
    const delay = waitMs === undefined ? judgement.delay : delayAfter(waitMs, judgement.delay);
    return this.#setback({ ...judgement, delay }, pass, mail, String(status), status);
  }

  #judgeFault(error: unknown, pass: Pass, mail: Mail): SendOutcome {
    const { cause, isWritten } = error instanceof PostFault ? error : { cause: error, isWritten: false };
    const text = describeFault(cause);
    if (cause instanceof PostGivenUp) {
      pass.unused();
      return this.#transient(isWritten ? HTTP_DELAYS.unanswered : HTTP_DELAYS.internal, text);
    }
    const judgement = judgeHttp({ errorCodes: codesOf(cause), isUnanswered: isWritten });
    return this.#setback(judgement, pass, mail, text);
  }

  #setback(
    { verdict, about, misconfigured, why, delay }: HttpJudgement,
    pass: Pass,
    mail: Mail,
    text: string,
    status?: number,
  ): SendOutcome {
    const explained = `${text}: ${why}`;
    const problem = `${this.#name}: ${explained}`;
    if (about === "provider" || misconfigured) {
      const { deliveryId } = mail.request;
      const level = misconfigured ? "error" : "warn";
      this.#logger[level]({ relay: this.#name, deliveryId, problem }, `HTTP provider unusable: ${why}`);
    }
    if (about === "mail") this.#note(pass.healthy());
    else {
      this.#lastFault = explained;
      this.#note(pass.faulty(misconfigured));
    }
    if (verdict !== "permanent") return this.#transient(delay, explained, status);
    return { kind: "permanent", problem, tries: [this.#try("permanent", explained, status)] };
  }

  #transient(delay: RetryDelay, text: string, status?: number): SendOutcome {
    const tries = [this.#try("transient", text, status)];
    return { kind: "transient", problem: `${this.#name}: ${text}`, tries, delay, ...this.#pause() };
  }

  /** Without touching the network. */
  #resting(): SendOutcome {
    const problem = `${this.#name} rests (${this.#lastFault || "being tried"})`;
    return { kind: "transient", problem, tries: [], delay: HTTP_DELAYS.unreachable, ...this.#pause() };
  }

  #pause(): { readonly pausedUntilMs?: number } {
    const pausedUntilMs = Math.max(this.#breaker.restsUntilMs ?? 0, this.#pausedUntilMs);
    return pausedUntilMs > this.#nowMs() ? { pausedUntilMs } : {};
  }

  #try(outcome: RelayTry["outcome"], text: string, status?: number): RelayTry {
    return { relay: this.#name, outcome, ...(status !== undefined && { replyCode: status }), text };
  }

  #note({ changedTo }: BreakerChange): void {
    const { restsUntilMs } = this.#breaker;
    if (changedTo === "closed") this.#logger.info({ relay: this.#name }, "HTTP provider takes mail again");
    else if (changedTo === "open" && restsUntilMs !== undefined) {
      const restsUntil = new Date(restsUntilMs).toISOString();
      this.#logger.warn({ relay: this.#name, restsUntil }, "HTTP provider rests");
    }
  }
}

const ERROR_CODE = /^[A-Z][A-Z0-9_]*$/;

function codesOf(cause: unknown): readonly string[] {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return typeof code === "string" && ERROR_CODE.test(code) ? [code] : [];
}

/** Codes rather than messages, which may quote what was sent or received. */
function describeFault(cause: unknown): string {
  const isOurText =
    cause instanceof PostTimeout || cause instanceof PostGivenUp || cause instanceof AddressRefused;
  return isOurText ? cause.message : (codesOf(cause)[0] ?? "the connection broke");
}
