// A run: many connections at a time, and now and then a look at the server behind them.
import { World } from "../differential/world.ts";
import { Random } from "../support/random.ts";
import { makeAttempt, type Attempt } from "./attempts.ts";
import { exchange } from "./exchange.ts";
import type { Setting } from "./requests.ts";
import { Target } from "./target.ts";

const CONNECTIONS = 48;
/** Inputs between two looks: fresh users, memory, log. */
const INPUTS_PER_CHECK = 1_000;
const USERS_PER_CHECK = 10;
/** Attempts that are kept for a fault that cannot be put down to one of them. */
const KEPT_ATTEMPTS = 300;
/** The heap of a server at work, its worker threads, SQLite's caches. What leaks passes it within a run. */
const MAX_RESIDENT_MIB = 640;

export interface FuzzOptions {
  readonly seed: number;
  readonly inputs: number;
  /** The run ends by then, even with fewer inputs. */
  readonly maxMs: number;
  readonly onProgress?: (line: string) => void;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly durationMs: number;
  /** Inputs by kind. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<string, number>;
  readonly residentMiB:
    | { readonly first: number; readonly highest: number; readonly last: number }
    | undefined;
}

/** What was wrong, and what was sent before it showed: the culprit is the only one, or among them. */
export class FuzzFailure extends Error {
  override readonly name = "FuzzFailure";
  readonly attempts: readonly Attempt[];

  constructor(problem: string, attempts: readonly Attempt[]) {
    super(problem);
    this.attempts = attempts;
  }
}

/** @throws FuzzFailure */
export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const target = await Target.start();
  try {
    return await new FuzzRun(target, options).run();
  } finally {
    await target.stop();
  }
}

/** Sends attempts again, one at a time, to a server of their own. @throws FuzzFailure for the first that shows a fault */
export async function replay(attempts: readonly Attempt[]): Promise<void> {
  const target = await Target.start();
  try {
    for (const attempt of attempts) {
      const { fault } = await exchange(target.port, attempt);
      const problem = fault ?? target.exit ?? target.complaint;
      if (problem !== undefined) throw new FuzzFailure(problem, [attempt]);
    }
    await target.addUsers(1).catch((error: unknown) => {
      throw new FuzzFailure(target.exit ?? String(error), attempts);
    });
  } finally {
    await target.stop();
  }
}

class FuzzRun {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #random: Random;
  readonly #world: World;
  readonly #startedMs = performance.now();
  readonly #kinds = new Map<string, number>();
  readonly #statuses = new Map<string, number>();
  readonly #resident: number[] = [];
  readonly #inFlight = new Set<Attempt>();
  readonly #recent: Attempt[] = [];
  #inputs = 0;
  #checked = 0;

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#world = new World(this.#random, target.organizationId);
    this.#introduce(target.userIds);
  }

  async run(): Promise<FuzzResult> {
    await Promise.all(Array.from({ length: CONNECTIONS }, () => this.#work()));
    await this.#check();
    const [first, last] = [this.#resident[0], this.#resident.at(-1)];
    return {
      inputs: this.#inputs,
      durationMs: performance.now() - this.#startedMs,
      kinds: this.#kinds,
      statuses: this.#statuses,
      residentMiB:
        first === undefined || last === undefined
          ? undefined
          : { first, highest: Math.max(...this.#resident), last },
    };
  }

  async #work(): Promise<void> {
    const { inputs, maxMs } = this.#options;
    while (this.#inputs < inputs && performance.now() - this.#startedMs < maxMs) {
      const attempt = makeAttempt(this.#inputs, this.#random, this.#setting());
      this.#inputs += attempt.inputs;
      count(this.#kinds, attempt.kind, attempt.inputs);
      await this.#try(attempt);
      if (this.#inputs - this.#checked >= INPUTS_PER_CHECK) await this.#check();
    }
  }

  #setting(): Setting {
    const { token, userIds, organizationId } = this.#target;
    return { token, userIds, organizationId, validMessage: (method) => this.#world.message(method) };
  }

  async #try(attempt: Attempt): Promise<void> {
    this.#inFlight.add(attempt);
    const { fault, statuses } = await exchange(this.#target.port, attempt);
    this.#inFlight.delete(attempt);
    this.#recent.push(attempt);
    if (this.#recent.length > KEPT_ATTEMPTS) this.#recent.shift();
    for (const status of statuses) count(this.#statuses, `${attempt.kind}: ${status}`);
    if (this.#target.exit !== undefined) this.#failWithAll(this.#target.exit);
    if (fault !== undefined) throw new FuzzFailure(fault, [attempt]);
  }

  async #check(): Promise<void> {
    this.#checked = this.#inputs;
    const target = this.#target;
    try {
      this.#introduce(await target.addUsers(USERS_PER_CHECK));
    } catch (error) {
      this.#failWithAll(target.exit ?? String(error));
    }
    if (target.complaint !== undefined) this.#failWithAll(target.complaint);
    const residentMiB = await target.residentMiB();
    if (residentMiB !== undefined) this.#resident.push(residentMiB);
    if (residentMiB !== undefined && residentMiB > MAX_RESIDENT_MIB) {
      this.#failWithAll(`the server takes ${Math.round(residentMiB)} MiB`);
    }
    const seconds = Math.round((performance.now() - this.#startedMs) / 1_000);
    const memory = residentMiB === undefined ? "" : `, ${Math.round(residentMiB)} MiB`;
    this.#options.onProgress?.(`${this.#inputs} of ${this.#options.inputs} inputs, ${seconds} s${memory}`);
  }

  #introduce(userIds: readonly string[]): void {
    for (const userId of userIds) this.#world.learn("AddHumanUser", {}, { userId });
  }

  #failWithAll(problem: string): never {
    throw new FuzzFailure(`${problem}\n${this.#target.complaint ?? ""}`.trim(), [
      ...this.#recent,
      ...this.#inFlight,
    ]);
  }
}

function count(counts: Map<string, number>, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}
