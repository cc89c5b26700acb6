/**
 * Messages to the other thread, gathered: all that is said within one turn of the event loop goes out together. What a
 * message costs is to wake who gets it, and that comes once then.
 */
export class OutgoingMessages<Message> {
  readonly #post: (messages: readonly Message[]) => void;
  #gathered: Message[] = [];

  constructor(post: (messages: readonly Message[]) => void) {
    this.#post = post;
  }

  say(message: Message): void {
    this.#gathered.push(message);
    if (this.#gathered.length === 1) setImmediate(() => this.flush());
  }

  /** Posts what was gathered now. */
  flush(): void {
    if (this.#gathered.length === 0) return;
    const messages = this.#gathered;
    this.#gathered = [];
    this.#post(messages);
  }
}
