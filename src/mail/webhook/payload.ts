/**
 * What is posted: the JSON that ZITADEL posts to its HTTP provider of e-mail, so that receivers written for it go on
 * working.
 *
 * - `contextInfo` says why there is a mail and for whom;
 * - `templateData` has the words and the looks, for receivers with a template of their own;
 * - `args` has what is known of the person, as they entered it: a receiver that writes HTML escapes it.
 *
 * A notice to an old address has no code, no link and no name; its `eventType` tells it from mails with a code. Countersign
 * has no phone numbers and no logo: these are empty, so that templates find the names. Two members are our own,
 * `messageId` and `language` of `contextInfo`.
 */
import type { Mail } from "../message.ts";

export interface WebhookPayload {
  readonly contextInfo: {
    /** What happened: a code was made, or the address changed and this is the old one. */
    readonly eventType: "user.human.email.code.added" | "user.human.email.changed";
    readonly provider: { readonly id: string; readonly description: string };
    readonly recipientEmailAddress: string;
    /** For the header Message-ID, in angle brackets: the same at every try. */
    readonly messageId: string;
    /** Of the words, as a tag of BCP 47; "" when it is not known. */
    readonly language: string;
  };
  readonly templateData: TemplateData;
  readonly args: PayloadArgs;
}

export interface TemplateData {
  readonly title: string;
  readonly preHeader: string;
  readonly subject: string;
  readonly greeting: string;
  /** With the code, without the link; paragraphs after empty lines. */
  readonly text: string;
  /** Where the button leads. It carries the code. */
  readonly url: string;
  readonly buttonText: string;
  readonly primaryColor: string;
  readonly backgroundColor: string;
  readonly fontColor: string;
  readonly logoUrl: string;
  readonly fontUrl: string;
  readonly fontFaceFamily: string;
  readonly fontFamily: string;
  readonly includeFooter: boolean;
  readonly footerText: string;
}

export interface PayloadArgs {
  readonly code: string;
  readonly userID: string;
  readonly orgID: string;
  readonly userName: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly nickName: string;
  readonly displayName: string;
  readonly lastEmail: string;
  /** "" when none was verified yet. */
  readonly verifiedEmail: string;
  readonly lastPhone: string;
  readonly verifiedPhone: string;
  readonly preferredLoginName: string;
  readonly loginName: string;
  readonly loginNames: readonly string[];
  /** ISO 8601, as the next one. */
  readonly changeDate: string;
  readonly creationDate: string;
}

/** Receivers with several senders tell them apart by this. */
const PROVIDER = { id: "countersign", description: "Countersign" } as const;

/** As the HTML part of a mail looks. */
const LOOKS = {
  primaryColor: "#1f5fd0",
  backgroundColor: "#f2f4f7",
  fontColor: "#1c2128",
  logoUrl: "",
  fontUrl: "",
  fontFaceFamily: "",
  fontFamily: "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
  includeFooter: false,
  footerText: "",
} as const;

export function buildPayload(mail: Mail): WebhookPayload {
  return {
    contextInfo: {
      eventType: mail.request.kind === "notice" ? "user.human.email.changed" : "user.human.email.code.added",
      provider: PROVIDER,
      recipientEmailAddress: mail.to.address,
      messageId: mail.messageId,
      language: mail.parts?.locale ?? "",
    },
    templateData: templateData(mail),
    args: payloadArgs(mail),
  };
}

function templateData({ subject, text, parts, request }: Mail): TemplateData {
  return {
    title: parts?.title ?? subject,
    preHeader: parts?.preheader ?? "",
    subject,
    greeting: parts?.greeting ?? "",
    text: parts?.text ?? text.trim(),
    url: request.link,
    buttonText: parts?.buttonText ?? subject,
    ...LOOKS,
  };
}

function payloadArgs({ to, request: { user, code } }: Mail): PayloadArgs {
  return {
    code,
    userID: user.userId,
    orgID: user.organizationId,
    userName: user.username,
    firstName: user.givenName,
    lastName: user.familyName,
    nickName: user.nickName,
    displayName: user.displayName,
    lastEmail: to.address,
    verifiedEmail: user.verifiedAddress ?? "",
    lastPhone: "",
    verifiedPhone: "",
    preferredLoginName: user.username,
    loginName: user.username,
    loginNames: [user.username],
    changeDate: new Date(user.changedAtMs).toISOString(),
    creationDate: new Date(user.createdAtMs).toISOString(),
  };
}
