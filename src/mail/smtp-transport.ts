/**
 * Sends mails over SMTP, through the first relay that can be reached.
 *
 * Each relay has a pool of connections that stay open between mails. STARTTLS is used wherever a relay offers it, and
 * must then succeed with a certificate that the system trusts. Credentials never cross a network without it.
 */
import { domainToASCII } from "node:url";
import { createTransport } from "nodemailer";
import MailComposer from "nodemailer/lib/mail-composer";
import type { Logger } from "pino";
import { isLoopback } from "../verification/url-template.ts";
import type { MailTransport, SendOutcome } from "./mail-transport.ts";
import type { Mail } from "./message.ts";
import { judge } from "./retry-policy.ts";
import { describeProblem, faultOf } from "./smtp-problem.ts";

export interface SmtpRelay {
  /** IP address, without brackets, or host name. */
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte, rather than STARTTLS. */
  readonly secure: boolean;
  readonly user?: string;
  readonly password?: string;
}

export interface SmtpTransportOptions {
  /** In the order in which they are tried for every mail; at least one. */
  readonly relays: readonly SmtpRelay[];
  readonly logger: Logger;
  /** Connections per relay, and so mails on their way at once. Default 5. */
  readonly connections?: number;
  /** From the look-up of the name to the end of STARTTLS. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** From the connection to the relay's greeting. Default 10,000. */
  readonly greetingTimeoutMs?: number;
  /** Longest silence of a relay. Default 20,000. */
  readonly socketTimeoutMs?: number;
  /** One mail with all its relays; has to end before the lease of a delivery does. Default 45,000. */
  readonly sendTimeoutMs?: number;
}

type SmtpSettings = Required<Omit<SmtpTransportOptions, "relays" | "logger">>;

/** A mail in its final form: one sender, one recipient, the bytes. */
interface Parcel {
  readonly sender: string;
  readonly recipient: string;
  readonly needsSmtpUtf8: boolean;
  readonly bytes: Buffer;
}

interface RelayResult {
  readonly outcome: SendOutcome;
  /** The relay said nothing about the mail. */
  readonly tryNext: boolean;
}

const NO_SMTPUTF8 = "the relay lacks SMTPUTF8, which an address with non-ASCII characters before the @ needs";

export class SmtpTransport implements MailTransport {
  readonly description: string;
  readonly #relays: readonly RelayPool[];
  readonly #logger: Logger;
  readonly #sendTimeoutMs: number;

  /** @throws RangeError without a relay */
  constructor(options: SmtpTransportOptions) {
    if (options.relays.length === 0) throw new RangeError("an SMTP transport needs at least one relay");
    const settings: SmtpSettings = {
      connections: options.connections ?? 5,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      greetingTimeoutMs: options.greetingTimeoutMs ?? 10_000,
      socketTimeoutMs: options.socketTimeoutMs ?? 20_000,
      sendTimeoutMs: options.sendTimeoutMs ?? 45_000,
    };
    this.#relays = options.relays.map((relay) => new RelayPool(relay, settings));
    this.#logger = options.logger;
    this.#sendTimeoutMs = settings.sendTimeoutMs;
    this.description = `SMTP ${this.#relays.map(({ name }) => name).join(", then ")}`;
  }

  async send(mail: Mail): Promise<SendOutcome> {
    try {
      const parcel = await pack(mail);
      if (parcel !== undefined) return await this.#sendParcel(parcel, mail);
      return { kind: "permanent", problem: "the address cannot be written in SMTP without changing it" };
    } catch (error) {
      return { kind: "permanent", problem: `the mail cannot be built: ${describeProblem(error, mail)}` };
    }
  }

  close(): Promise<void> {
    for (const relay of this.#relays) relay.close();
    return Promise.resolve();
  }

  async #sendParcel(parcel: Parcel, mail: Mail): Promise<SendOutcome> {
    const deadline = AbortSignal.timeout(this.#sendTimeoutMs);
    const refusals: Exclude<SendOutcome, { kind: "accepted" }>[] = [];
    for (const relay of this.#relays) {
      const { outcome, tryNext } = await this.#sendThrough(relay, parcel, mail, deadline);
      if (outcome.kind === "accepted" || !tryNext) return outcome;
      refusals.push(outcome);
      if (deadline.aborted) break;
    }
    return {
      kind: refusals.every(({ kind }) => kind === "permanent") ? "permanent" : "transient",
      problem: refusals.map(({ problem }) => problem).join("; next relay: "),
    };
  }

  async #sendThrough(
    relay: RelayPool,
    parcel: Parcel,
    mail: Mail,
    deadline: AbortSignal,
  ): Promise<RelayResult> {
    try {
      if (parcel.needsSmtpUtf8 && !(await relay.supportsSmtpUtf8())) {
        return { outcome: { kind: "permanent", problem: NO_SMTPUTF8 }, tryNext: true };
      }
      await relay.send(parcel, deadline);
      return { outcome: { kind: "accepted" }, tryNext: false };
    } catch (error) {
      const problem = describeProblem(error, mail);
      const { verdict, about, misconfigured, why } = judge(faultOf(error));
      if (about === "relay") {
        const level = misconfigured ? "error" : "warn";
        this.#logger[level](
          { relay: relay.name, deliveryId: mail.deliveryId, problem },
          `relay unusable: ${why}`,
        );
      }
      return { outcome: { kind: verdict, problem }, tryNext: about === "relay" };
    }
  }
}

/** One relay and the connections to it. */
class RelayPool {
  readonly name: string;
  readonly #connection: ReturnType<typeof connectionOptions>;
  readonly #pool: ReturnType<typeof createPool>;
  #knownToSupportSmtpUtf8 = false;

  constructor(relay: SmtpRelay, settings: SmtpSettings) {
    this.name = `${urlHost(relay.host)}:${relay.port}`;
    this.#connection = connectionOptions(relay, settings);
    this.#pool = createPool(relay, settings);
  }

  /** @throws Error of nodemailer when the relay did not accept the mail */
  async send({ sender, recipient, bytes }: Parcel, signal: AbortSignal): Promise<void> {
    const envelope = { from: { name: "", address: sender }, to: [{ name: "", address: recipient }] };
    await this.#pool.sendMail({ envelope, raw: bytes, signal });
  }

  /**
   * nodemailer writes non-ASCII addresses to any relay, and one that does not know RFC 6531 may deliver to whom it
   * guesses. So a connection of its own asks first. Only a yes is remembered: relays get updated.
   *
   * @throws Error of nodemailer when the relay cannot be reached
   */
  async supportsSmtpUtf8(): Promise<boolean> {
    if (this.#knownToSupportSmtpUtf8) return true;
    let extensions: readonly string[] = [];
    // An authentication of no commands: the public way to see what EHLO answered.
    const probe = createTransport({
      ...this.#connection,
      auth: { type: "custom", method: "LOOK", user: "none", pass: "none" },
      forceAuth: true,
      customAuth: {
        LOOK: (session) => {
          extensions = session.extensions;
          session.resolve();
        },
      },
    });
    await probe.verify();
    this.#knownToSupportSmtpUtf8 = extensions.includes("SMTPUTF8");
    return this.#knownToSupportSmtpUtf8;
  }

  close(): void {
    this.#pool.close({ force: true });
  }
}

function createPool(relay: SmtpRelay, settings: SmtpSettings) {
  const pool = createTransport({
    ...connectionOptions(relay, settings),
    ...(relay.user !== undefined && { auth: { user: relay.user, pass: relay.password ?? "" } }),
    requireTLS: relay.user !== undefined && !relay.secure && !isLoopback(urlHost(relay.host)),
    pool: true,
    maxConnections: settings.connections,
    maxMessages: Infinity,
    // A relay that hangs up before its greeting: the next relay, or a later try, rather than patience here.
    maxRequeues: 1,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // Every send reports its own error. An emitter without a listener would end the process.
  pool.on("error", () => {});
  return pool;
}

/** IPv6 addresses as URLs spell them. */
function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function connectionOptions(relay: SmtpRelay, settings: SmtpSettings) {
  return {
    host: relay.host,
    port: relay.port,
    secure: relay.secure,
    connectionTimeout: settings.connectTimeoutMs,
    greetingTimeout: settings.greetingTimeoutMs,
    socketTimeout: settings.socketTimeoutMs,
    tls: { minVersion: "TLSv1.2" },
  } as const;
}

/** @returns undefined when nodemailer would write to another address than the mail's */
async function pack(mail: Mail): Promise<Parcel | undefined> {
  const { from, to, subject, text, html, messageId, headers } = mail;
  const message = new MailComposer({
    from: { ...from },
    to: [{ ...to }],
    envelope: { from: { name: "", address: from.address }, to: [{ name: "", address: to.address }] },
    subject,
    text,
    html,
    messageId,
    headers: { ...headers },
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const envelope = message.getEnvelope();
  const [recipient = "", ...others] = envelope.to;
  const sender = envelope.from || "";
  if (others.length > 0 || !isSameAddress(recipient, to.address)) return undefined;
  const needsSmtpUtf8 = [sender, recipient].some(
    (address) => !isAscii(address.slice(0, address.lastIndexOf("@"))),
  );
  return { sender, recipient, needsSmtpUtf8, bytes: await message.build() };
}

/** The same local part to the letter, the same host. Angle brackets and controls are what nodemailer takes out. */
function isSameAddress(written: string, wanted: string): boolean {
  const [writtenAt, wantedAt] = [written.lastIndexOf("@"), wanted.lastIndexOf("@")];
  const host = asciiHost(wanted.slice(wantedAt + 1));
  return (
    wantedAt > 0 &&
    written.slice(0, writtenAt) === wanted.slice(0, wantedAt) &&
    host !== undefined &&
    asciiHost(written.slice(writtenAt + 1)) === host
  );
}

function asciiHost(domain: string): string | undefined {
  const ascii = isAscii(domain) ? domain.toLowerCase() : domainToASCII(domain);
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/.test(ascii) ? ascii : undefined;
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  return /^[\u0000-\u007F]*$/.test(text);
}
