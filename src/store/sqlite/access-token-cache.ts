/**
 * Access tokens and their accounts as they were looked up, for as long as none of them changes.
 *
 * Every call presents a token, and looking one up is most of what a call reads. The writer says of each commit whether it
 * changed a token or an account, and this hears of it before the commit is answered: then everything is forgotten, which
 * is simple, and right for what changes so rarely. A token that was revoked is so from the answer on.
 */
import type { AccessTokenRecord } from "../store.ts";

/** A few megabytes. */
const MAX_RECORDS = 10_000;

export class AccessTokenCache {
  readonly #load: (hash: string) => AccessTokenRecord | undefined;
  readonly #records = new Map<string, AccessTokenRecord>();

  /** @param load looks a token up by its hash, at once */
  constructor(load: (hash: string) => AccessTokenRecord | undefined) {
    this.#load = load;
  }

  /** Tokens that there are not are looked up each time: whoever makes them up fills no memory. */
  find(hash: string): AccessTokenRecord | undefined {
    const known = this.#records.get(hash);
    if (known !== undefined) return known;
    const record = this.#load(hash);
    if (record === undefined) return undefined;
    if (this.#records.size >= MAX_RECORDS) this.#records.clear();
    this.#records.set(hash, record);
    return record;
  }

  forget(): void {
    this.#records.clear();
  }
}
