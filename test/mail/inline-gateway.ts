// A gateway without a thread: the same composing, the same hand-over, the same transports, in one event loop.
import { Courier } from "../../src/mail/courier.ts";
import { createPermit, type HandOver } from "../../src/mail/hand-over.ts";
import type { MailGateway } from "../../src/mail/mail-gateway.ts";
import type { MailTransport, SendOutcome } from "../../src/mail/mail-transport.ts";
import type { Compose, MailRequest } from "../../src/mail/message.ts";

export class InlineGateway implements MailGateway {
  readonly description: string;
  readonly connections: number;
  readonly #courier: Courier;

  constructor(compose: Compose, transport: MailTransport) {
    this.description = transport.description;
    this.connections = transport.connections;
    this.#courier = new Courier(compose, transport);
  }

  deliver(request: MailRequest, handOver: HandOver): Promise<SendOutcome> {
    return this.#courier.deliver(request, createPermit(handOver.cell, handOver));
  }

  close(): Promise<void> {
    return this.#courier.close();
  }
}
