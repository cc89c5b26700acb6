/** Makes what a decision may not make itself: the time, fresh ids and codes, the MACs of a submitted code. */
import type { Caller } from "../verification/caller.ts";
import { drawCode, normalizeCode, type CodeMac } from "../verification/code.ts";
import {
  MAX_ACCEPT_LANGUAGE_LENGTH,
  type Environment,
  type EventOrigin,
  type NewCode,
  type NewDelivery,
  type Policy,
} from "../verification/environment.ts";
import type { IdentifierFactory, RandomBytes } from "./identifiers.ts";
import { openKeptCode, sealCodes, type ReturnedCode } from "./kept-codes.ts";
import type { Keyring } from "./keyring.ts";

export interface EnvironmentSources {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Cryptographically secure bytes. */
  readonly randomBytes: RandomBytes;
  readonly identifiers: IdentifierFactory;
  readonly keyring: Keyring;
  readonly policy: Policy;
  readonly codeAlphabet: string;
  /** In symbols, 4 to 20. */
  readonly codeLength: number;
  /** Whether events tell the IP address of the client. Default: they do not. */
  readonly recordsClientAddress?: boolean;
}

/** What is known of a request that a command came with. */
export interface CommandOrigin {
  readonly requestId?: string;
  /** IP address, "" where unknown. */
  readonly clientAddress: string;
}

export class EnvironmentFactory {
  readonly #sources: EnvironmentSources;
  readonly #sealCodes: ReturnedCode["seal"];

  constructor(sources: EnvironmentSources) {
    this.#sources = sources;
    this.#sealCodes = (codes) => sealCodes(sources.keyring, codes);
  }

  nowMs(): number {
    return this.#sources.nowMs();
  }

  /** An id for a new user, organization or service account. */
  newId(): string {
    return this.#sources.identifiers.sortable();
  }

  /** An id for a mail. */
  newDeliveryId(): string {
    return this.#sources.identifiers.timed();
  }

  /**
   * For commands that issue no code.
   *
   * @param from the call that they came with; absent for what Countersign does by itself
   */
  plain(caller: Caller, from?: CommandOrigin): Environment {
    const { nowMs, policy } = this.#sources;
    return { nowMs: nowMs(), policy, caller, ...(from !== undefined && { origin: this.#originOf(from) }) };
  }

  /**
   * For commands that may issue a code to the user; the code itself stays with the caller of this function.
   *
   * @param mail null for a command that queues no mail: sealing the code costs more than all the rest here
   */
  withNewCode(
    caller: Caller,
    userId: string,
    mail: Pick<NewDelivery, "acceptLanguage"> | null = { acceptLanguage: "" },
    from?: CommandOrigin,
  ): { readonly env: Environment; readonly code: string } {
    const { identifiers, keyring, codeAlphabet, codeLength, randomBytes } = this.#sources;
    const code = drawCode(codeAlphabet, codeLength, randomBytes);
    const newCode: NewCode = {
      codeId: identifiers.random(),
      mac: keyring.mac(userId, code),
      ...(mail !== null && { delivery: this.#newDelivery(code, mail.acceptLanguage) }),
    };
    const client = from !== undefined && { clientAddress: from.clientAddress };
    return { env: { ...this.plain(caller, from), newCode, ...client }, code };
  }

  /**
   * For commands that may change an address: the old one may have to be told.
   *
   * @param acceptLanguage what the request says of languages
   */
  withNotice(env: Environment, acceptLanguage: string): Environment {
    const newNotice = {
      deliveryId: this.newDeliveryId(),
      acceptLanguage: acceptLanguage.slice(0, MAX_ACCEPT_LANGUAGE_LENGTH),
    };
    return { ...env, newNotice };
  }

  /**
   * What VerifyEmail compares: empty for an empty code.
   *
   * @param submitted in people's spelling, see `normalizeCode`
   */
  candidateMacs(userId: string, submitted: string): readonly CodeMac[] {
    const code = normalizeCode(submitted, this.#sources.codeAlphabet);
    return code === "" ? [] : this.#sources.keyring.candidateMacs(userId, code);
  }

  /** For an answer that is kept for repetitions of its call. */
  returnedCode(code: string): ReturnedCode {
    return { code, seal: this.#sealCodes };
  }

  /**
   * The code of an answer that was kept.
   *
   * @param scope of its Idempotency-Key
   * @returns undefined when the key that sealed the code is gone
   * @throws Error when the code is of another answer, or was changed
   */
  openCode(sealed: string, scope: string): string | undefined {
    return openKeptCode(this.#sources.keyring, sealed, scope);
  }

  #originOf({ requestId, clientAddress }: CommandOrigin): EventOrigin {
    const isTold = this.#sources.recordsClientAddress === true && clientAddress !== "";
    return { ...(requestId !== undefined && { requestId }), ...(isTold && { clientAddress }) };
  }

  #newDelivery(code: string, header: string): NewDelivery {
    const deliveryId = this.newDeliveryId();
    const acceptLanguage = header.slice(0, MAX_ACCEPT_LANGUAGE_LENGTH);
    return { deliveryId, sealedCode: this.#sources.keyring.seal(code, deliveryId), acceptLanguage };
  }
}
