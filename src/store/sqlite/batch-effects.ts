/** What others hear of a batch once it is committed; its tasks note it as they run. */
import type { CancelRequest, Commit } from "../store.ts";

export class BatchEffects {
  queuedMail = false;
  erasedMails = false;
  changedAccess = false;
  readonly changedUsers: string[] = [];
  readonly cancelRequests: CancelRequest[] = [];

  /** @param position of the last event of the commit */
  toCommit(position: number): Commit {
    const { queuedMail, erasedMails, changedAccess, changedUsers, cancelRequests } = this;
    return { position, queuedMail, erasedMails, changedAccess, changedUsers, cancelRequests };
  }
}
