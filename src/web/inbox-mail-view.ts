/** One mail of the inbox as HTML. Its own HTML stands in a frame that may run nothing, see `frameDocument`. */
import type { InboxMail } from "../store/inbox.ts";
import { html, type Html } from "./html.ts";
import { codeAndLink, INBOX_NOTICE, mailUrl, timeOf } from "./inbox-list-view.ts";

export const FRAME_PATH = "/inbox/mail/html";
export const SOURCE_PATH = "/inbox/mail/source";

const VIEWS = { html: "HTML", text: "Text", source: "Source" } as const;
export type MailViewName = keyof typeof VIEWS;

/** What the frame may do, in its attribute and in its own policy: let people open links, in windows of their own. */
const FRAME_SANDBOX = "allow-popups allow-popups-to-escape-sandbox";

/** Headers of the document in the frame: styles and pictures that are in the mail itself, nothing else. */
export const FRAME_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    `sandbox ${FRAME_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  "x-frame-options": "SAMEORIGIN",
};

export function isMailView(name: string): name is MailViewName {
  return Object.hasOwn(VIEWS, name);
}

export function mailBody(mail: InboxMail, view: MailViewName): Html {
  return html`<p><a href="/inbox">All mails</a></p>
${INBOX_NOTICE}
<header class="card mailhead">
<h1>${mail.subject}</h1>
${codeAndLink(mail)}
<dl class="facts">
<dt>To</dt><dd>${mail.to}</dd>
<dt>From</dt><dd>${mail.from}</dd>
<dt>Received</dt><dd>${timeOf(mail)}</dd>
<dt>Mail id</dt><dd>${mail.mailId}</dd>
${mail.userId === "" ? undefined : html`<dt>User id</dt><dd>${mail.userId}</dd>`}
${mail.link === "" ? undefined : html`<dt>Link</dt><dd>${mail.link}</dd>`}
</dl>
</header>
<nav aria-label="Parts of the mail"><ul class="views">
${Object.entries(VIEWS).map(
  ([name, label]) =>
    html`<li>${
      name === view
        ? html`<a href="${viewUrl(mail, name)}" aria-current="page">${label}</a>`
        : html`<a href="${viewUrl(mail, name)}">${label}</a>`
    }</li>\n`,
)}</ul></nav>
<section class="view" aria-label="${VIEWS[view]}">
${parts[view](mail)}
</section>
<p class="sr" id="status" role="status"></p>`;
}

const parts: Readonly<Record<MailViewName, (mail: InboxMail) => Html>> = {
  html: (mail) =>
    html`<iframe src="${partUrl(FRAME_PATH, mail)}" sandbox="${FRAME_SANDBOX}" title="HTML of the mail" referrerpolicy="no-referrer"></iframe>`,
  text: (mail) => html`<pre tabindex="0" aria-label="Text of the mail">${mail.text}</pre>`,
  source: (
    mail,
  ) => html`<pre tabindex="0" aria-label="Source of the mail">${Buffer.from(mail.source).toString("utf8")}</pre>
<p><a href="${partUrl(SOURCE_PATH, mail)}" download>Download as .eml</a></p>`,
};

/**
 * A mail's HTML as the frame gets it. Its links open in windows of their own, because most pages refuse to be framed.
 *
 * The base element goes behind the doctype, without which browsers would lay the mail out by the rules of the nineties.
 */
export function frameDocument(mailHtml: string): string {
  const doctype = /^\s*(?:<!doctype[^>]*>)?/i.exec(mailHtml)?.[0] ?? "";
  return `${doctype}<base target="_blank">${mailHtml.slice(doctype.length)}`;
}

/** A name for a file that no system objects to. */
export function sourceFileName({ mailId }: Pick<InboxMail, "mailId">): string {
  return `mail-${mailId.replace(/[^\w-]/g, "")}.eml`;
}

function viewUrl({ mailId }: InboxMail, view: string): string {
  return view === "html" ? mailUrl(mailId) : `${mailUrl(mailId)}&view=${view}`;
}

function partUrl(path: string, { mailId }: InboxMail): string {
  return `${path}?id=${encodeURIComponent(mailId)}`;
}
