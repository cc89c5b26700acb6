/**
 * Whether a relay can be reached and spoken to: connect, greeting, EHLO, STARTTLS where it is offered, EHLO once more,
 * QUIT. No login, no mail.
 *
 * The certificate is looked at rather than insisted on, so that what is wrong with it can be told.
 */
import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { hostname } from "node:os";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { SmtpRelay } from "./smtp-relay.ts";

export interface ProbedCertificate {
  readonly validTo: Date;
  /** Why the system does not trust it; undefined where it does. */
  readonly distrust: string | undefined;
}

export interface RelayProbe {
  /** Undefined where the connection is in clear. */
  readonly certificate: ProbedCertificate | undefined;
}

/** What a relay said or did instead of what it should have. */
export class ProbeFault extends Error {
  override readonly name = "ProbeFault";
}

/** Longer than any reply to EHLO. */
const MAX_REPLY_CHARACTERS = 65_536;

/**
 * @param timeoutMs for all of it
 * @throws ProbeFault saying at which step it ended, and why
 */
export async function probeRelay(
  { host, port, secure }: Pick<SmtpRelay, "host" | "port" | "secure">,
  timeoutMs: number,
): Promise<RelayProbe> {
  const deadline = AbortSignal.timeout(timeoutMs);
  let step = "connecting";
  let socket: Socket | undefined;
  try {
    socket = connectTcp({ host, port, autoSelectFamily: true }).on("error", unheard);
    await once(socket, "connect", { signal: deadline });
    let certificate: ProbedCertificate | undefined;
    const encrypt = async () => {
      step = "TLS handshake";
      const encrypted = connectTls({
        socket,
        // Addresses are no names that a client may send (RFC 6066 section 3).
        ...(isIP(host) === 0 ? { servername: host } : { host }),
        rejectUnauthorized: false,
      });
      socket = encrypted.on("error", unheard);
      await once(encrypted, "secureConnect", { signal: deadline });
      certificate = certificateOf(encrypted);
    };
    if (secure) await encrypt();
    step = "greeting";
    await expectReply(socket, "220", deadline);
    step = "EHLO";
    const offers = await say(socket, `EHLO ${ownName()}`, "250", deadline);
    if (!secure && /^250[ -]STARTTLS\s*$/im.test(offers)) {
      step = "STARTTLS";
      await say(socket, "STARTTLS", "220", deadline);
      await encrypt();
      step = "EHLO after STARTTLS";
      await say(socket, `EHLO ${ownName()}`, "250", deadline);
    }
    socket.write("QUIT\r\n");
    return { certificate };
  } catch (error) {
    throw new ProbeFault(`${step}: ${faultOf(error, deadline, timeoutMs)}`, { cause: error });
  } finally {
    socket?.destroySoon();
  }
}

/** Connects, speaks TLS where asked to, and says nothing. @throws ProbeFault */
export async function probeTls(
  { host, port, secure }: { readonly host: string; readonly port: number; readonly secure: boolean },
  timeoutMs: number,
): Promise<RelayProbe> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const socket = secure
    ? connectTls({ host, port, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) })
    : connectTcp({ host, port });
  try {
    await once(socket, secure ? "secureConnect" : "connect", { signal: deadline });
    return { certificate: secure ? certificateOf(socket as TLSSocket) : undefined };
  } catch (error) {
    throw new ProbeFault(`connecting: ${faultOf(error, deadline, timeoutMs)}`, { cause: error });
  } finally {
    socket.on("error", unheard).destroy();
  }
}

/** Between two steps nobody waits for an error; the next step meets it. */
function unheard(): void {}

function certificateOf(socket: TLSSocket): ProbedCertificate {
  const { valid_to: validTo } = socket.getPeerCertificate();
  const { authorizationError } = socket as { readonly authorizationError: unknown };
  return {
    validTo: new Date(validTo),
    distrust: socket.authorized ? undefined : textOf(authorizationError),
  };
}

function textOf(reason: unknown): string {
  if (typeof reason === "string") return reason;
  const { message, errors } = (reason ?? {}) as { readonly message?: unknown; readonly errors?: unknown };
  // Of a name with several addresses: what the first of them met.
  if (Array.isArray(errors) && errors.length > 0) return textOf(errors[0]);
  return typeof message === "string" && message !== "" ? message : "unknown reason";
}

function say(socket: Socket, command: string, code: string, signal: AbortSignal): Promise<string> {
  socket.write(`${command}\r\n`);
  return expectReply(socket, code, signal);
}

/** One whole reply (RFC 5321 section 4.2.1), its lines separated as they came. */
async function expectReply(socket: Socket, code: string, signal: AbortSignal): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let reply = "";
  const onData = (bytes: Buffer) => {
    reply += bytes.toString("latin1");
    if (/^\d{3}(?: .*)?\r?\n$/m.test(reply.slice(reply.lastIndexOf("\n", reply.length - 2) + 1)))
      resolve(reply);
    else if (reply.length > MAX_REPLY_CHARACTERS) reject(new ProbeFault("the reply has no end"));
  };
  const onEnd = () => reject(new ProbeFault("the relay closed the connection"));
  const onError = (error: Error) => reject(error);
  const onAbort = () => reject(signal.reason as Error);
  socket.on("data", onData).once("end", onEnd).once("error", onError);
  signal.addEventListener("abort", onAbort);
  try {
    const whole = await promise;
    if (whole.startsWith(code)) return whole;
    throw new ProbeFault(`the relay said ${JSON.stringify(whole.split(/\r?\n/)[0]?.slice(0, 120))}`);
  } finally {
    socket.off("data", onData).off("end", onEnd).off("error", onError);
    signal.removeEventListener("abort", onAbort);
  }
}

function faultOf(error: unknown, deadline: AbortSignal, timeoutMs: number): string {
  if (deadline.aborted) return `no answer within ${timeoutMs / 1_000} s`;
  return textOf(error);
}

/** Relays like a name with a dot, or an address (RFC 5321 section 4.1.3). */
function ownName(): string {
  const name = hostname();
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/i.test(name) ? name : "[127.0.0.1]";
}
