/** Composes mails, most of which carry a code: everything that a transport needs, as plain data. */
import { domainToASCII } from "node:url";
import type { MailLook } from "./mail-look.ts";
import { MessageCatalogue, type Message } from "./messages/catalogue.ts";
import { parseAcceptLanguage } from "./messages/language-choice.ts";
import { NO_OVERRIDES, type MailOverrides } from "./messages/mail-overrides.ts";
import { NoticeCatalogue, type NoticeMessage, type NoticeTemplates } from "./messages/notice-catalogue.ts";
import { NOTICE_KEYS, type NoticeKey, type NoticePlaceholder } from "./messages/notice-texts.ts";
import { testMailTexts } from "./messages/test-mail.ts";
import { TEXT_KEYS, type MessageTexts } from "./messages/text-keys.ts";

/** Always an object, never a string: in a string a comma or a line break could add recipients. */
export interface MailAddress {
  /** "" where there is only an address. */
  readonly name: string;
  readonly address: string;
}

export interface Mail {
  readonly from: MailAddress;
  readonly to: MailAddress;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** In angle brackets. The same at every try, so that a mail that arrives twice can be told. */
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
  /** What it was made from; without the link where mails go without one. */
  readonly request: MailRequest;
  /** The words of the mail one by one, for providers that have templates of their own. */
  readonly parts?: MailParts;
}

/** Plain text, in the mail's language, under the names of ZITADEL's template data. */
export interface MailParts {
  readonly title: string;
  readonly preheader: string;
  readonly greeting: string;
  /** What stands between the greeting and the signature, with the code, without the link; paragraphs after empty lines. */
  readonly text: string;
  readonly buttonText: string;
  /** The language tag that was chosen, such as `de`. */
  readonly locale: string;
}

export interface MailRequest {
  /**
   * "test": the mail shows that mails arrive, and carries a mark in the place of a code, and no link. "notice": it tells
   * an old address of the new one, and has neither. Default: "code".
   */
  readonly kind?: "code" | "notice" | "test";
  readonly deliveryId: string;
  readonly recipient: string;
  readonly user: MailUser;
  readonly code: string;
  readonly link: string;
  /** When the code was made, or the address changed, and when the mail ends, in milliseconds since the Unix epoch. */
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
  /** The Accept-Language header of the request that asked for the mail, as it came. */
  readonly acceptLanguage?: string;
  /** Of a notice: masked. */
  readonly newAddress?: string;
  /** What the organization has its own way. Default: nothing. */
  readonly look?: MailLook;
}

/** What is known of the person. */
export interface MailUser {
  readonly userId: string;
  readonly organizationId: string;
  readonly username: string;
  readonly givenName: string;
  readonly familyName: string;
  readonly nickName: string;
  /** Greets the reader. */
  readonly displayName: string;
  /** A language tag of BCP 47, or "". */
  readonly preferredLanguage: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** The address that was verified last; undefined when none was. */
  readonly verifiedAddress?: string;
}

export type Compose = (request: MailRequest) => Mail;

/** Plain data, so that it can go to a thread. */
export interface ComposerOptions {
  /** Sender of every mail; its name, or else its domain, signs them. */
  readonly from: MailAddress;
  /** The language of readers who have none, or one that there are no texts in. Default: en. */
  readonly defaultLanguage?: string;
  /** The operator's texts and templates, as `loadMailOverrides` checked them. Default: none. */
  readonly overrides?: MailOverrides;
  /** Leaves link and button out. Default: false. */
  readonly codeOnly?: boolean;
}

const MAX_NAME_SYMBOLS = 64;
// Line breaks and their like, lone surrogates.
const BREAKS = /[\p{Cc}\p{Cs}\u2028\u2029]/gu;
// Marks that turn the direction of writing, zero-width spaces and other characters that nobody sees; all but the joiners
// and tags that names and emoji are made of.
const INVISIBLE = /(?!\u200C|\u200D|[\u{E0020}-\u{E007F}])\p{Cf}/gu;
// What mail programs turn into a link or an address by themselves; IDNA has four dots.
const LINK_LIKE = /:\/\/|@|www\.|[\p{L}\p{N}][.\u3002\uFF0E\uFF61]\p{L}{2,}/iu;

/**
 * Compiles all texts and templates, once.
 *
 * @throws RangeError when there are no texts in the default language, or some are missing in another
 */
export function createComposer(options: ComposerOptions): Compose {
  const { from, defaultLanguage = "en", overrides = NO_OVERRIDES, codeOnly = false } = options;
  const catalogue = new MessageCatalogue(overrides, defaultLanguage);
  const fromDomain = domainOf(from.address);
  const messageIdDomain = domainToASCII(fromDomain) || fromDomain;
  const notices = new NoticeCatalogue(defaultLanguage);
  return (asked) => {
    const request = codeOnly ? { ...asked, link: "" } : asked;
    const { deliveryId, recipient, user, queuedAtMs, look = {} } = request;
    const sentFrom = { name: look.senderName ?? from.name, address: look.senderAddress ?? from.address };
    const sender = sentFrom.name === "" ? domainOf(sentFrom.address) : sentFrom.name;
    const name = displayName(user.displayName);
    const languages = [user.preferredLanguage, ...parseAcceptLanguage(request.acceptLanguage ?? "")];
    const content =
      request.kind === "notice"
        ? renderNotice(notices.message(languages), notices.templates, request, sender)
        : render(catalogue.message(look.templateFolder ?? user.organizationId, languages), request, {
            name,
            sender,
            link: request.link,
          });
    return {
      from: sentFrom,
      to: { name, address: recipient },
      ...content,
      messageId: `<${deliveryId}@${messageIdDomain}>`,
      headers: {
        // RFC 5322 section 3.3. The time of the request, not of this try: every try sends the same mail.
        Date: new Date(queuedAtMs).toUTCString().replace("GMT", "+0000"),
        // RFC 3834 section 5, and what Exchange reads instead: no out-of-office answers.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
      },
      request,
    };
  };
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

interface Shown {
  readonly name: string;
  readonly sender: string;
  /** "" for a mail without a link. */
  readonly link: string;
}

function render(
  message: Message,
  { kind, recipient, code, queuedAtMs, expiresAtMs }: MailRequest,
  { name, sender, link }: Shown,
): Content {
  const { timeWords, direction } = message;
  const values = {
    name,
    address: onOneLine(recipient),
    code,
    sender,
    expiry: timeWords.moment(expiresAtMs),
    expiryDate: timeWords.date(expiresAtMs),
    expiryTime: timeWords.time(expiresAtMs),
    lifetime: timeWords.duration(expiresAtMs - queuedAtMs),
  };
  const texts = {} as Record<keyof MessageTexts, string>;
  if (kind === "test") Object.assign(texts, testMailTexts(values));
  else for (const key of TEXT_KEYS) texts[key] = message.texts[key](values);
  const greeting = name === "" ? texts.greetingWithoutName : texts.greeting;
  const view = {
    ...values,
    ...texts,
    greeting,
    link,
    lang: message.htmlLang,
    dir: direction,
    start: direction === "ltr" ? "left" : "right",
  };
  const paragraphs = [`${texts.intro} ${code}`, texts.validity, texts.ignore];
  return {
    subject: texts.subject,
    text: message.text(view),
    html: message.html(view),
    parts: {
      title: texts.title,
      preheader: texts.preheader,
      greeting,
      text: paragraphs.filter((paragraph) => paragraph !== "").join("\n\n"),
      buttonText: texts.button,
      locale: message.locale,
    },
  };
}

type Content = Pick<Mail, "subject" | "text" | "html" | "parts">;

/** Neither code nor link nor name. */
function renderNotice(
  { locale, htmlLang, timeWords, greeting, texts: sources }: NoticeMessage,
  templates: NoticeTemplates,
  { recipient, newAddress = "", queuedAtMs }: MailRequest,
  sender: string,
): Content {
  const values: Readonly<Record<NoticePlaceholder, string>> = {
    sender,
    address: onOneLine(recipient),
    newAddress: onOneLine(newAddress),
    changedAt: timeWords.moment(queuedAtMs),
  };
  const texts = {} as Record<NoticeKey, string>;
  for (const key of NOTICE_KEYS) texts[key] = sources[key](values);
  const view = { ...texts, greeting, signature: sender, lang: htmlLang, dir: "ltr", start: "left" };
  const {
    subject,
    preheader,
    title,
    intro,
    oldAddress,
    newAddress: newOne,
    time,
    expected,
    unexpected,
  } = texts;
  return {
    subject,
    text: templates.text(view),
    html: templates.html(view),
    parts: {
      title,
      preheader,
      greeting,
      text: [intro, `${oldAddress}\n${newOne}\n${time}`, expected, unexpected].join("\n\n"),
      buttonText: "",
      locale,
    },
  };
}

/**
 * A display name as mails show it: on one line, of bounded length. People choose their own names and give addresses
 * of others: a name with a link in it would make Countersign carry advertisements, so it is left out.
 */
function displayName(name: string): string {
  const cleaned = onOneLine(name);
  if (LINK_LIKE.test(cleaned)) return "";
  return Array.from(cleaned).slice(0, MAX_NAME_SYMBOLS).join("").trim();
}

function onOneLine(text: string): string {
  return text.replace(BREAKS, " ").replace(INVISIBLE, "").replace(/\s+/gu, " ").trim();
}
