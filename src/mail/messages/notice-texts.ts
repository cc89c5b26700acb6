/**
 * The texts of the mail that tells an old address that another took its place, and what may stand in them.
 *
 * It has no code, no link and no name: it goes to a mailbox that may be somebody else's by now, about an account that
 * may be, and the name on the account is the first thing that whoever took it over would write something else into.
 */

/** What a text may hold beside its words. */
export type NoticePlaceholder = "sender" | "address" | "newAddress" | "changedAt";

/** In the order in which a reader meets them, each with the placeholders that it is of no use without. */
export const NOTICE_TEXTS = {
  subject: [],
  preheader: [],
  title: [],
  intro: ["sender"],
  oldAddress: ["address"],
  newAddress: ["newAddress"],
  time: ["changedAt"],
  /** For whoever made the change. */
  expected: [],
  /** What to do for whoever did not. */
  unexpected: ["sender"],
} as const satisfies Readonly<Record<string, readonly NoticePlaceholder[]>>;

export type NoticeKey = keyof typeof NOTICE_TEXTS;
export type NoticeTexts = Readonly<Record<NoticeKey, string>>;

export const NOTICE_KEYS = Object.keys(NOTICE_TEXTS) as readonly NoticeKey[];
