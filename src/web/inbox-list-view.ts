/** The list of the inbox as HTML. It is whole without a script; inbox-script.ts keeps it up to date. */
import type { InboxPage, InboxSummary } from "../store/inbox.ts";
import { html, type Html } from "./html.ts";
import { SIGN_OUT_PATH } from "./inbox-sign-in.ts";

/** What is shown, as the page's address says it. */
export interface ListView {
  /** Part of an address; "" for all mails. */
  readonly search: string;
  /** Exactly this address; "" for any. */
  readonly to: string;
  /** The mail that those shown came before; "" for the newest. */
  readonly before: string;
}

/** @param canSignOut whether the reader signed in */
export function listBody(page: InboxPage, view: ListView, canSignOut: boolean): Html {
  const { mails, hasMore } = page;
  const { before } = view;
  const filtered = view.search === "" ? view.to : view.search;
  return html`<div class="head">
<h1>Dev inbox</h1>
${canSignOut ? signOut : undefined}
</div>
${INBOX_NOTICE}
<form class="filter" method="get" action="/inbox" role="search">
<input type="search" inputmode="email" id="search" name="search" value="${filtered}" placeholder="Search by address" aria-label="Search by address" autocomplete="off" autocapitalize="off" autocorrect="off" spellcheck="false">
<button type="submit">Search</button>
</form>
<p class="soft status" id="status" role="status">Reload to see new mails.</p>
<div id="list" data-live="${before === "" ? "yes" : "no"}" data-to="${view.to}">
${mails.length === 0 ? empty(filtered, before) : undefined}
<ol class="mails">
${mails.map(listItem)}
</ol>
<nav class="pager" aria-label="Pages">
${before === "" ? undefined : html`<a href="${listUrl({ ...view, before: "" })}">Newest mails</a>`}
${hasMore ? html`<a href="${listUrl({ ...view, before: mails.at(-1)?.mailId ?? "" })}">Older mails</a>` : undefined}
</nav>
</div>`;
}

export const INBOX_NOTICE = html`<p class="notice"><strong>Development tool. Nothing here was sent to anybody:</strong> mails stay on this machine, and whoever sees this page sees their codes.</p>`;

const signOut = html`<form method="post" action="${SIGN_OUT_PATH}"><button class="quiet" type="submit">Sign out</button></form>`;

function empty(filtered: string, before: string): Html {
  if (before !== "") return html`<p>No older mails.</p>`;
  return filtered === ""
    ? html`<p>No mails yet. Ask for a code: its mail shows up here.</p>`
    : html`<p>No mails to ${filtered}. <a href="/inbox">Show all mails</a></p>`;
}

function listItem(mail: InboxSummary): Html {
  return html`<li class="card mail" data-id="${mail.mailId}">
<h2><a href="${mailUrl(mail.mailId)}">${mail.subject}</a></h2>
<p class="soft meta">To ${mail.to} · ${timeOf(mail)}</p>
${codeAndLink(mail)}
</li>
`;
}

/** Buttons show once a script can make them do something. */
export function codeAndLink({ code, link }: Pick<InboxSummary, "code" | "link">): Html | undefined {
  if (code === "" && link === "") return undefined;
  return html`<div class="got">
${code === "" ? undefined : html`<span class="code">${code}</span> ${copyButton(code, "Copy code")}`}
${link === "" ? undefined : html`${openLink(link)} ${copyButton(link, "Copy link")}`}
</div>`;
}

function copyButton(text: string, label: string): Html {
  return html`<button type="button" class="quiet" data-copy="${text}" hidden>${label}</button>`;
}

/** Whatever a mail links to: only web pages open from here. */
function openLink(link: string): Html {
  return /^https?:/i.test(link)
    ? html`<a href="${link}" target="_blank" rel="noopener noreferrer">Open link</a>`
    : html`<span>${link}</span>`;
}

export function timeOf({ receivedAtMs }: Pick<InboxSummary, "receivedAtMs">): Html {
  const iso = new Date(receivedAtMs).toISOString();
  return html`<time datetime="${iso}">${iso.replace(/^(\S+)T(\d\d:\d\d:\d\d).*Z$/, "$1 $2 UTC")}</time>`;
}

export function mailUrl(mailId: string): string {
  return `/inbox/mail?id=${encodeURIComponent(mailId)}`;
}

function listUrl(view: ListView): string {
  const fields = Object.entries(view).filter(([, value]) => value !== "");
  return fields.length === 0 ? "/inbox" : `/inbox?${new URLSearchParams(fields).toString()}`;
}
