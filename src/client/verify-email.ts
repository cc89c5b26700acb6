/**
 * VerifyEmail for pages: one call over gRPC-Web without a library, in two kilobytes.
 *
 * A page behind a mailed link has one thing to do, once, on a telephone; the typed clients bring the descriptors of every
 * message along, forty kilobytes of them. So the two strings of the request, the frames of the answer (PROTOCOL-WEB.md)
 * and the three fields of a refusal are written and read here by hand; test/unit/client holds them against the typed
 * client's. What else an answer says is passed over.
 */

export interface VerifyEmailCall {
  /** Origin of the service. Default: the page's own. */
  readonly url?: string;
  readonly userId: string;
  /** As mailed, or as people spell it. */
  readonly verificationCode: string;
  /** How long to wait for the answer, in milliseconds. Default: 15,000. */
  readonly timeoutMs?: number;
  /** Default: the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The service's refusal, or that there was no answer. */
export class VerifyError extends Error {
  override readonly name = "VerifyError";
  /** gRPC's status number: 3 for a code that does not verify. Undefined where there was no answer, or none of gRPC's. */
  readonly status: number | undefined;
  /** Stable name of what went wrong, such as `CODE_INVALID` (docs/errors.md). */
  readonly reason: string | undefined;
  /** The call was not executed, and may be sent again after so many milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    refusal: {
      status?: number;
      reason?: string | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: refusal.cause });
    this.status = refusal.status;
    this.reason = refusal.reason;
    this.retryAfterMs = refusal.retryAfterMs;
  }
}

const PROCEDURE = "/zitadel.user.v2.UserService/VerifyEmail";
const CONTENT_TYPE = "application/grpc-web+proto";
const DEFAULT_TIMEOUT_MS = 15_000;
const PREFIX_BYTES = 5;
const TRAILER_FLAG = 0x80;

/**
 * Spends the code. Resolves once the address is verified; the same call again resolves again.
 *
 * @throws VerifyError
 */
export async function verifyEmail(call: VerifyEmailCall): Promise<void> {
  const { url = "", timeoutMs = DEFAULT_TIMEOUT_MS, fetch = globalThis.fetch } = call;
  let status: number;
  let headers: Headers;
  let body: Uint8Array;
  try {
    const response = await fetch(url + PROCEDURE, {
      method: "POST",
      headers: { "content-type": CONTENT_TYPE, "x-grpc-web": "1", "grpc-timeout": `${timeoutMs}m` },
      body: encodeRequest(call),
      signal: AbortSignal.timeout(timeoutMs),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      redirect: "error",
    });
    ({ status, headers } = response);
    body = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new VerifyError("the service did not answer", { cause });
  }
  const trailers = readTrailers(body) ?? new Map(headers);
  const grpcStatus = trailers.get("grpc-status");
  if (grpcStatus === "0") return;
  if (grpcStatus === undefined) throw new VerifyError(`HTTP status ${status} instead of an answer`, {});
  const pushback = trailers.get("grpc-retry-pushback-ms");
  throw new VerifyError(decodePercent(trailers.get("grpc-message") ?? ""), {
    status: Number(grpcStatus),
    reason: readReason(trailers.get("grpc-status-details-bin") ?? ""),
    ...(pushback !== undefined && { retryAfterMs: Number(pushback) }),
  });
}

// --- the request: one frame with a VerifyEmailRequest ---------------------------------------------------------------

function encodeRequest({ userId, verificationCode }: VerifyEmailCall): Uint8Array<ArrayBuffer> {
  const message = [...stringField(1, userId), ...stringField(2, verificationCode)];
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

const LENGTH_DELIMITED = 2;

function stringField(number: number, value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return value === "" ? [] : [(number << 3) | LENGTH_DELIMITED, ...varint(bytes.length), ...bytes];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

// --- the answer: frames, the last of which has trailers as HTTP/1.1 writes headers ----------------------------------

/**
 * A Map, because Headers throws at names and values that no header may have, which an answer of any bytes may hold.
 * @returns undefined for an answer without trailers: they are its headers then
 */
function readTrailers(body: Uint8Array): Map<string, string> | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at + PREFIX_BYTES <= body.length;) {
    const end = at + PREFIX_BYTES + view.getUint32(at + 1);
    if ((view.getUint8(at) & TRAILER_FLAG) !== 0) {
      const text = new TextDecoder().decode(body.subarray(at + PREFIX_BYTES, end));
      const lines = text.split("\r\n").map((line) => /^([^:]+):\s*(.*)$/.exec(line));
      return new Map(
        lines.flatMap((line) => (line === null ? [] : [[(line[1] ?? "").toLowerCase(), line[2] ?? ""]])),
      );
    }
    at = end;
  }
  return undefined;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// --- the refusal: google.rpc.Status { details = 3: Any { type_url = 1, value = 2: ErrorInfo { reason = 1 } } } ---------

function readReason(base64: string): string | undefined {
  try {
    const status = Uint8Array.from(atob(base64), (symbol) => symbol.charCodeAt(0));
    for (const detail of fieldsOf(status, 3)) {
      const [type] = fieldsOf(detail, 1);
      const [value] = fieldsOf(detail, 2);
      if (value === undefined || !decodeText(type).endsWith("/google.rpc.ErrorInfo")) continue;
      return decodeText(fieldsOf(value, 1)[0]);
    }
  } catch {
    // Not what a reason looks like.
  }
  return undefined;
}

function decodeText(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

/** The length-delimited fields with that number (https://protobuf.dev/programming-guides/encoding/). */
function fieldsOf(message: Uint8Array, number: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError("the message ends in a number");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = readVarint();
    if (tag % 8 !== LENGTH_DELIMITED) {
      if (tag % 8 !== 0) throw new RangeError(`wire type ${tag % 8}`);
      readVarint();
      continue;
    }
    const length = readVarint();
    if (Math.floor(tag / 8) === number) found.push(message.subarray(at, at + length));
    at += length;
  }
  return found;
}
