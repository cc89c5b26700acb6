/**
 * The sessions with one relay: so many at the most, kept open between mails.
 *
 * Who wants to send takes an idle session, or makes one while there is room, or waits in line. An idle session that is
 * not wanted for a while says good-bye. A session that the relay ends is forgotten at once.
 */
import { NothingLearnt } from "./nothing-learnt.ts";
import { SmtpSession } from "./session.ts";
import type { SmtpRelay } from "./smtp-relay.ts";
import type { SmtpTimeLimits } from "./time-limits.ts";

export interface ConnectionPoolOptions {
  readonly relay: SmtpRelay;
  readonly limits: SmtpTimeLimits;
  /** At most. */
  readonly connections: number;
  /** How long an idle session stays open. */
  readonly idleMs: number;
}

export interface Lent {
  /** Open. */
  readonly session: SmtpSession;
  /** It carried mails before, and the relay may have ended it without having been heard. */
  readonly isReused: boolean;
}

interface Waiting {
  readonly give: (session: SmtpSession) => void;
  readonly refuse: (reason: Error) => void;
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions;
  /** All that are not over, opening ones and busy ones too. */
  readonly #sessions = new Set<SmtpSession>();
  /** The one used last comes last, and is used first: what is not needed grows old. */
  readonly #idle = new Map<SmtpSession, NodeJS.Timeout>();
  readonly #waiting = new Set<Waiting>();
  #isClosed = false;

  constructor(options: ConnectionPoolOptions) {
    this.#options = options;
  }

  /**
   * @param untilMs on the clock of performance.now()
   * @returns an open session that is the caller's until release(), or until it is over
   * @throws NothingLearnt when none became free in time, or the pool was closed
   * @throws Error of the session when a new one could not be opened
   */
  async acquire(untilMs: number): Promise<Lent> {
    for (;;) {
      const session = await this.#take(untilMs);
      if (session.isOpen) return { session, isReused: true };
      if (!session.isNew) continue; // It ended on the way here.
      await session.open(untilMs);
      return { session, isReused: false };
    }
  }

  /** Gives a session back. One that is over is none of the pool's any more. */
  release(session: SmtpSession): void {
    if (!session.isOpen) return;
    const [next] = this.#waiting;
    if (next !== undefined) next.give(session);
    else
      this.#idle.set(
        session,
        setTimeout(() => this.#dismiss(session), this.#options.idleMs),
      );
  }

  /** For when one of them turned out to be dead: the others may be as well. */
  dismissIdle(): void {
    for (const session of this.#idle.keys()) this.#dismiss(session);
  }

  /** Ends all sessions; mails under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { refuse } of this.#waiting) refuse(closed());
    const sessions = [...this.#sessions];
    for (const session of sessions) if (!this.#idle.has(session)) session.abort(closed());
    this.dismissIdle();
    await Promise.all(sessions.map(({ over }) => over));
  }

  #take(untilMs: number): SmtpSession | Promise<SmtpSession> {
    if (this.#isClosed) throw closed();
    const idle = [...this.#idle.keys()].findLast(({ isOpen }) => isOpen);
    if (idle !== undefined) {
      clearTimeout(this.#idle.get(idle));
      this.#idle.delete(idle);
      return idle;
    }
    return this.#sessions.size < this.#options.connections ? this.#make() : this.#wait(untilMs);
  }

  #make(): SmtpSession {
    const session = new SmtpSession(this.#options.relay, this.#options.limits);
    this.#sessions.add(session);
    void session.over.then(() => this.#forget(session));
    return session;
  }

  #wait(untilMs: number): Promise<SmtpSession> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        give: (session) => {
          end();
          resolve(session);
        },
        refuse: (reason) => {
          end();
          reject(reason);
        },
      };
      const timer = setTimeout(
        () => waiting.refuse(new NothingLearnt("no connection to the relay became free in time")),
        Math.max(0, untilMs - performance.now()),
      );
      this.#waiting.add(waiting);
    });
  }

  #dismiss(session: SmtpSession): void {
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    session.quit();
  }

  #forget(session: SmtpSession): void {
    clearTimeout(this.#idle.get(session));
    this.#idle.delete(session);
    this.#sessions.delete(session);
    const [next] = this.#waiting;
    if (next !== undefined && !this.#isClosed) next.give(this.#make());
  }
}

function closed(): NothingLearnt {
  return new NothingLearnt("the mail transport is closed");
}
