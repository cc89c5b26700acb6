/**
 * What is said about a call once it is over: one line in the log, one count and one duration in the metrics.
 *
 * A line names the method, how it went, who called from where, and how long it took. It never has a path, a query, a
 * header or a message in it: codes, tokens, addresses and links travel in those.
 *
 * Levels go by outcome: `error` for what is our fault, with its cause; `warn` for what was not done although nothing was
 * wrong with it (overload, a database that is away, a deadline); `info` for everything else, refusals included. Health
 * and reflection are `debug`, because probes ask every few seconds. So are requests that never became a call and name no
 * method of ours: anyone can send those without a token, as many as they like, and they are to fill a counter but no disk.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "../observability/logger.ts";
import { maskIdentifier } from "../observability/mask-address.ts";
import type { CallMeter, Meters } from "../observability/meters.ts";
import type { Caller } from "../verification/caller.ts";
import type { Arrival, WireFormat } from "./call.ts";
import { reasonOf } from "./errors.ts";

export interface EndedCall extends Arrival {
  readonly method: DescMethod;
  readonly format: WireFormat;
  readonly caller: Caller;
}

/** A request that was answered before it became a call. */
export interface Refusal extends Arrival {
  /** A reason of the failure catalogue, or another one out of a fixed set. */
  readonly reason: string;
  /** Where the path named one of ours. */
  readonly method?: DescMethod;
  readonly format?: WireFormat;
}

/** A page, or a document, by the fixed path that it is served at. */
export interface ServedPage extends Arrival {
  readonly path: string;
  readonly verb: string;
  readonly httpStatus: number;
}

export interface CallLogOptions {
  readonly logger: Logger;
  readonly metrics: Meters;
}

type Level = "debug" | "info" | "warn" | "error";

/** HTTP/2 lets a client write anything there. */
const VERBS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

interface Known {
  readonly name: string;
  readonly isInfrastructure: boolean;
  readonly meters: Partial<Record<WireFormat, CallMeter>>;
  /** Those that name the method, a format and a code already: half of a line that need not be made for each call. */
  readonly loggers: Partial<Record<WireFormat, Partial<Record<string, Logger>>>>;
}

export class CallLog {
  readonly #logger: Logger;
  readonly #metrics: Meters;
  readonly #known = new Map<DescMethod, Known>();

  constructor({ logger, metrics }: CallLogOptions) {
    this.#logger = logger;
    this.#metrics = metrics;
  }

  /** @param error undefined for success */
  ended(call: EndedCall, error?: ConnectError): void {
    const known = this.#knownOf(call.method);
    const code = error === undefined ? "ok" : codeToString(error.code);
    const durationMs = durationOf(call);
    this.#meterOf(known, call.format).ended(code, durationMs / 1_000);
    const level = levelOf(error?.code, known.isInfrastructure);
    if (!this.#logger.isLevelEnabled(level)) return;
    const logger = this.#loggerOf(known, call.format, code);
    const line = {
      // Texts and numbers that are undefined are left out of a line.
      reason: error === undefined ? undefined : reasonOf(error),
      durationMs,
      principal: call.caller.kind === "principal" ? maskIdentifier(call.caller.userId) : call.caller.kind,
      requestId: call.requestId,
      peer: call.clientAddress,
      traceId: call.trace?.traceId,
    };
    if (level === "error") logger.error({ ...line, err: error?.cause ?? error }, "call failed");
    else logger[level](line, "call");
  }

  /** @param fault what went wrong here, where the request is not to blame */
  refused(refusal: Refusal, fault?: unknown): void {
    const { method, format, reason } = refusal;
    this.#metrics.requestRefused(reason);
    const level: Level = fault !== undefined ? "error" : method === undefined ? "debug" : "info";
    if (!this.#logger.isLevelEnabled(level)) return;
    this.#logger[level](
      {
        ...(method !== undefined && { method: this.#knownOf(method).name }),
        ...(format !== undefined && { format }),
        reason,
        durationMs: durationOf(refusal),
        ...namesOf(refusal),
        ...(fault !== undefined && { err: fault }),
      },
      "request refused",
    );
  }

  /** The reply was there and could not be written. */
  unanswered(call: EndedCall, error: unknown): void {
    const { name } = this.#knownOf(call.method);
    this.#logger.error(
      { method: name, format: call.format, ...namesOf(call), err: error },
      "the reply could not be written",
    );
  }

  /** What changes something is worth a line to everybody; looking at a page is not. */
  page(page: ServedPage): void {
    const { path, httpStatus } = page;
    const verb = VERBS.has(page.verb) ? page.verb : "other";
    const level: Level = httpStatus < 500 && (verb === "GET" || verb === "HEAD") ? "debug" : "info";
    this.#logger[level]({ path, verb, httpStatus, durationMs: durationOf(page), ...namesOf(page) }, "page");
  }

  #knownOf(method: DescMethod): Known {
    let known = this.#known.get(method);
    if (known === undefined) {
      const { typeName } = method.parent;
      const name = `${typeName}/${method.name}`;
      known = { name, isInfrastructure: typeName.startsWith("grpc."), meters: {}, loggers: {} };
      this.#known.set(method, known);
    }
    return known;
  }

  #meterOf({ name, meters }: Known, format: WireFormat): CallMeter {
    return (meters[format] ??= this.#metrics.callMeter(name, format));
  }

  #loggerOf({ name, loggers }: Known, format: WireFormat, code: string): Logger {
    const ofFormat = (loggers[format] ??= {});
    return (ofFormat[code] ??= this.#logger.child({ method: name, format, code }));
  }
}

function levelOf(code: Code | undefined, isInfrastructure: boolean): Level {
  switch (code) {
    case Code.Internal:
    case Code.Unknown:
    case Code.DataLoss:
      return "error";
    case Code.Unavailable:
    case Code.DeadlineExceeded:
      return isInfrastructure ? "debug" : "warn";
    default:
      return isInfrastructure ? "debug" : "info";
  }
}

function namesOf({ requestId, clientAddress, trace }: Arrival) {
  return { requestId, peer: clientAddress, ...(trace !== undefined && { traceId: trace.traceId }) };
}

/** In milliseconds, to the microsecond. */
function durationOf({ startedMs }: Arrival): number {
  return Math.round((performance.now() - startedMs) * 1_000) / 1_000;
}
