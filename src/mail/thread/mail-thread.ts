/**
 * The main thread's side of the mail thread.
 *
 * The thread is started by the first mail: who only hands codes to callers never pays for it. When it ends by a fault,
 * what was with it settles as transient - some of it may have left, and comes again under the same Message-ID - and the
 * next delivery starts another one.
 */
import { Worker } from "node:worker_threads";
import type { Logger } from "../../observability/logger.ts";
import { workerFile } from "../../store/worker-file.ts";
import type { KeepMail } from "../dev-inbox.ts";
import type { HandOver } from "../hand-over.ts";
import type { MailGateway } from "../mail-gateway.ts";
import { connectionsOf, describeRoute, leavesMachine, type MailRoute } from "../mail-route.ts";
import type { SendOutcome } from "../mail-transport.ts";
import type { ComposerOptions, Mail, MailRequest } from "../message.ts";
import { RETRY_DELAYS } from "../retry-policy.ts";
import type { FromMailThread, MailThreadData, ToMailThread } from "./messages.ts";
import { OutgoingMessages } from "./outgoing-messages.ts";

export interface MailThreadOptions {
  readonly route: MailRoute;
  readonly composer: ComposerOptions;
  readonly keep: KeepMail;
  readonly logger: Logger;
  /** How long the thread may take to close its connections before it is ended. Default 1,000. */
  readonly closeTimeoutMs?: number;
}

interface Pending {
  readonly handOver: HandOver;
  readonly resolve: (outcome: SendOutcome) => void;
}

export class MailThread implements MailGateway {
  readonly description: string;
  readonly connections: number;
  readonly leavesMachine: boolean;
  readonly #options: MailThreadOptions;
  /** By id of the delivery. */
  readonly #pending = new Map<string, Pending>();
  readonly #outgoing = new OutgoingMessages<ToMailThread>((messages) => this.#worker?.postMessage(messages));
  #worker: Worker | undefined;
  #closing: PromiseWithResolvers<void> | undefined;

  constructor(options: MailThreadOptions) {
    this.#options = options;
    this.description = describeRoute(options.route);
    this.connections = connectionsOf(options.route);
    this.leavesMachine = leavesMachine(options.route);
  }

  deliver(request: MailRequest, handOver: HandOver): Promise<SendOutcome> {
    if (this.#closing !== undefined) return Promise.resolve(broken("the mail thread was closed"));
    this.#worker ??= this.#start();
    return new Promise((resolve) => {
      this.#pending.set(request.deliveryId, { handOver, resolve });
      this.#outgoing.say({ kind: "deliver", request, cell: handOver.cell });
    });
  }

  async close(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closing = Promise.withResolvers<void>();
    const worker = this.#worker;
    if (worker !== undefined) {
      this.#outgoing.say({ kind: "close" });
      const timer = setTimeout(() => void worker.terminate(), this.#options.closeTimeoutMs ?? 1_000);
      await this.#closing.promise;
      clearTimeout(timer);
    }
    this.#closing.resolve();
  }

  #start(): Worker {
    const { route, composer } = this.#options;
    const workerData: MailThreadData = { route, composer };
    const worker = new Worker(workerFile("mail-worker", import.meta.url), { workerData });
    worker.on("message", (messages: readonly FromMailThread[]) => {
      for (const message of messages) this.#receive(message);
    });
    worker.on("error", (error) => this.#options.logger.error({ err: error }, "the mail thread broke"));
    worker.on("exit", () => this.#exited());
    return worker;
  }

  #exited(): void {
    this.#worker = undefined;
    for (const { resolve } of this.#pending.values()) resolve(broken("the mail thread ended"));
    this.#pending.clear();
    this.#closing?.resolve();
  }

  #receive(message: FromMailThread): void {
    switch (message.kind) {
      case "ask":
        void this.#answer(message.deliveryId);
        break;
      case "arrived":
        this.#pending.get(message.deliveryId)?.handOver.arrived();
        break;
      case "keep":
        void this.#keep(message.mail);
        break;
      case "done":
        this.#pending.get(message.deliveryId)?.resolve(message.outcome);
        this.#pending.delete(message.deliveryId);
        break;
      case "log":
        this.#options.logger[message.level](message.fields, message.message);
        break;
      case "closed":
        // Its exit follows.
        break;
    }
  }

  async #answer(deliveryId: string): Promise<void> {
    const untilMs = (await this.#pending.get(deliveryId)?.handOver.ask()) ?? 0;
    this.#outgoing.say({ kind: "answer", deliveryId, untilMs });
  }

  async #keep(mail: Mail): Promise<void> {
    let problem: string | undefined;
    try {
      await this.#options.keep(mail);
    } catch (error) {
      problem = error instanceof Error ? error.name : "unknown error";
    }
    this.#outgoing.say({ kind: "kept", deliveryId: mail.request.deliveryId, problem });
  }
}

function broken(problem: string): SendOutcome {
  return { kind: "transient", problem, tries: [], delay: RETRY_DELAYS.internal };
}
