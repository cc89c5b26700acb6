/**
 * A mail was not handed over for a reason that is none of the relay's, and not the mail's either. Its message may be
 * logged and stored.
 */
export class NothingLearnt extends Error {}
