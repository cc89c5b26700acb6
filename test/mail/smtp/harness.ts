// Relays, transports and a log that end with the test.
import { afterEach } from "@jest/globals";
import type { HandOverPermit } from "../../../src/mail/mail-transport.ts";
import type { SmtpRelay } from "../../../src/mail/smtp/smtp-relay.ts";
import { SmtpTransport, type SmtpTransportOptions } from "../../../src/mail/smtp/smtp-transport.ts";
import { TestLog } from "../log.ts";
import { Relay, ScriptedRelay, type Greeting, type RelayHooks, type Script } from "../relay.ts";

export const ERROR_LEVEL = 50;
export const WARN_LEVEL = 40;

/** Says yes at once. */
export const PERMIT: HandOverPermit = { take: () => Promise.resolve(true), arrived() {} };
export const NO_PERMIT: HandOverPermit = { take: () => Promise.resolve(false), arrived() {} };

export class Harness {
  log = new TestLog();
  readonly #running: { stop(): Promise<void> }[] = [];

  constructor() {
    afterEach(async () => {
      for (const part of this.#running.splice(0)) await part.stop();
      this.log = new TestLog();
    });
  }

  async relay(hooks?: RelayHooks, port?: number, host?: string): Promise<Relay> {
    const relay = await Relay.start(hooks, port, host);
    this.#running.push(relay);
    return relay;
  }

  async script(script: Script, greeting?: Greeting, port?: number): Promise<ScriptedRelay> {
    const relay = await ScriptedRelay.start(script, greeting, port);
    this.#running.push(relay);
    return relay;
  }

  /** A relay that the test stops itself. */
  async mortal(script: Script, port?: number): Promise<ScriptedRelay> {
    return ScriptedRelay.start(script, undefined, port);
  }

  transport(relays: readonly SmtpRelay[], options: Partial<SmtpTransportOptions> = {}): SmtpTransport {
    const transport = new SmtpTransport({ relays, logger: this.log.logger, ...options });
    this.#running.unshift({ stop: () => transport.close() });
    return transport;
  }
}

export function at(port: number, extra: Partial<SmtpRelay> = {}): SmtpRelay {
  return { host: "127.0.0.1", port, secure: false, ...extra };
}

/** A port where nobody listens. */
export async function deadPort(): Promise<number> {
  const relay = await Relay.start();
  const { port } = relay;
  await relay.stop();
  return port;
}
