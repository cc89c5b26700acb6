/**
 * Callers that have codes mailed, over many lives of the service: new codes while older mails wait, two at the same
 * moment, other addresses, and readers who use what arrived. Every caller works on users of its own.
 */
import { once } from "node:events";
import { Agent, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { text } from "node:stream/consumers";
import { EXPECTED_REFUSALS } from "../expected-refusals.ts";
import type { Call, Ledger, Note } from "../ledger.ts";
import type { Random } from "../../support/random.ts";
import { thisMoment, type Moment } from "./moment.ts";

const CALL_TIMEOUT_MS = 15_000;
/** Longest pause of a caller between two calls. */
const MAX_PAUSE_MS = 50;

export interface MailCallersOptions {
  readonly count: number;
  readonly usersEach: number;
  readonly ledger: Ledger;
  readonly random: Random;
  /** The code of the newest mail that the relay took for this user; undefined when there is none. */
  readonly newestMailedCode: (userId: string) => string | undefined;
}

/** One life of the service, as callers see it. */
export interface Workplace {
  readonly url: string;
  readonly token: string;
  readonly life: number;
  /** The service is being ended, or has ended: calls may stay without an answer. */
  readonly isOver: AbortSignal;
}

/** When a call was answered, and in which life of the service. */
export interface Answered extends Moment {
  readonly life: number;
}

interface KnownUser {
  readonly userId: string;
  addresses: number;
  isThere: boolean;
  readonly submitted: Set<string>;
}

/** The service is gone, and a call without its answer. */
class Gone extends Error {}

export class MailCallers {
  /** Of every answered call. */
  readonly answers = new Map<Note, Answered>();
  readonly #options: MailCallersOptions;
  readonly #users: readonly (readonly KnownUser[])[];

  constructor(options: MailCallersOptions) {
    this.#options = options;
    this.#users = Array.from({ length: options.count }, (_caller, caller) =>
      Array.from({ length: options.usersEach }, (_user, user) => ({
        userId: `user-${caller}-${user}`,
        addresses: 0,
        isThere: false,
        submitted: new Set(),
      })),
    );
  }

  /** Calls until the life is over. @throws Error for an answer that should not be, or a missing one from a living service */
  async work(workplace: Workplace): Promise<void> {
    const agent = new Agent({ keepAlive: true });
    try {
      const shifts = this.#users.map((users) => this.#shift(users, workplace, agent));
      const ends = await Promise.allSettled(shifts);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    } finally {
      agent.destroy();
    }
  }

  async #shift(users: readonly KnownUser[], workplace: Workplace, agent: Agent): Promise<void> {
    const { random } = this.#options;
    const { isOver } = workplace;
    try {
      while (!isOver.aborted) {
        await this.#step(random.pick(users), workplace, agent);
        await sleep(random.below(MAX_PAUSE_MS), undefined, { signal: isOver }).catch(() => {});
      }
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }

  async #step(user: KnownUser, workplace: Workplace, agent: Agent): Promise<void> {
    const { random } = this.#options;
    const call = (made: Call, path: string, body: object) =>
      this.#call(workplace, agent, made, `/v2/users/${path}`, body);
    const { userId } = user;
    const sendCode = () => call({ name: "mailCode", userId }, `${userId}/email/send`, { sendCode: {} });
    if (!user.isThere) {
      const address = newAddress(user);
      const profile = { givenName: "Ada", familyName: "Lovelace" };
      await call({ name: "create", userId, address }, "human", {
        userId,
        profile,
        email: { email: address },
      });
      user.isThere = true;
      return;
    }
    const choice = random.next();
    const code = choice < 0.3 ? this.#options.newestMailedCode(userId) : undefined;
    if (code !== undefined && !user.submitted.has(code)) {
      await call({ name: "verify", userId }, `${userId}/email/verify`, { verificationCode: code });
      user.submitted.add(code);
    } else if (choice < 0.45) {
      const address = newAddress(user);
      await call({ name: "setEmail", userId, address }, `${userId}/email`, { email: address, sendCode: {} });
    } else if (choice < 0.6) {
      await Promise.all([sendCode(), sendCode()]);
    } else {
      await sendCode();
    }
  }

  /** Notes the call and its answer. @throws Gone when there is none, because the service went away */
  async #call(workplace: Workplace, agent: Agent, call: Call, path: string, body: object): Promise<void> {
    const { ledger } = this.#options;
    const { url, token, life, isOver } = workplace;
    if (isOver.aborted) throw new Gone();
    const note = ledger.start(call);
    const what = `${call.name} on ${call.userId}`;
    let response: IncomingMessage;
    let answer: Answer;
    try {
      const sent = request(url + path, {
        method: "POST",
        agent,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        timeout: CALL_TIMEOUT_MS,
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
      const answered = once(sent, "response") as Promise<[IncomingMessage]>;
      sent.end(JSON.stringify(body));
      [response] = await answered;
      // The head is here: whoever waits for it knows that the command was executed.
      const moment = { ...thisMoment(), life };
      answer = JSON.parse(await text(response)) as Answer;
      this.answers.set(note, moment);
    } catch (cause) {
      if (isOver.aborted) throw new Gone();
      // The process dies before anybody says so.
      await sleep(500);
      if (isOver.aborted) throw new Gone();
      throw new Error(`${what} got no answer`, { cause });
    }
    if (response.statusCode === 200) {
      ledger.accepted(note, Number(answer.details.sequence));
      return;
    }
    const reason = reasonOf(answer);
    if (reason !== undefined && EXPECTED_REFUSALS.includes(reason)) {
      ledger.refused(note, reason);
      return;
    }
    this.answers.delete(note);
    if (isOver.aborted) throw new Gone();
    throw new Error(`${what} was answered ${response.statusCode}: ${JSON.stringify(answer)}`);
  }
}

interface Answer {
  readonly details: { readonly sequence: string } & readonly { readonly reason?: string }[];
}

function reasonOf({ details }: Answer): string | undefined {
  return Array.isArray(details) ? details.find(({ reason }) => reason !== undefined)?.reason : undefined;
}

function newAddress(user: KnownUser): string {
  user.addresses += 1;
  return `${user.userId}.${user.addresses}@example.org`;
}

/** Whose address this is. */
export function userOf(address: string): string {
  return address.slice(0, address.indexOf("."));
}
