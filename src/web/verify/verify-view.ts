/**
 * The page's HTML. One document holds every state, all but one hidden: a browser with scripts shows them in turn
 * (browser/page.ts), one without gets each from the server as the answer to the form.
 */
import { html, type Html, type HtmlValue } from "../html.ts";
import { logoUrl, type Branding } from "./branding.ts";
import type { PageTexts } from "./page-texts.ts";
import type { ReturnTarget } from "./return-target.ts";

/** What the link, or the form, brought along. */
export interface VerifyFields {
  readonly userId: string;
  readonly organizationId: string;
  readonly code: string;
  /** `continue` as it was written, allowed or not. */
  readonly onward: string;
}

/** What went wrong with the code, and stands above the form. */
export type FormProblem = "refused" | "missingCode" | "unavailable";

export type VerifyState = "ready" | FormProblem | "verified";

export interface VerifyView {
  readonly texts: PageTexts;
  readonly branding: Branding;
  readonly fields: VerifyFields;
  /** Where an onward link leads; undefined for none. */
  readonly target: ReturnTarget | undefined;
}

/** The page in a state. */
export function verifyBody(view: VerifyView, state: VerifyState): Html {
  const isDone = state === "verified";
  return html`${brand(view.branding)}<div class="card">
${isDone ? undefined : ask(view, state)}
${done(view, isDone)}
</div>
${isDone ? undefined : html`<p class="soft ignore" id="ignore">${words(view.texts.ignore)}</p>`}`;
}

/** A page without a form: what was asked for cannot be had. */
export function noticeBody(branding: Branding, title: string, paragraphs: readonly string[]): Html {
  return html`${brand(branding)}<div class="card">
${ENVELOPE}
<h1>${words(title)}</h1>
${paragraphs.map((text) => html`<p>${words(text)}</p>\n`)}</div>`;
}

export function titleOf({ texts }: Pick<VerifyView, "texts">, state: VerifyState): string {
  switch (state) {
    case "verified":
      return texts.verifiedTitle;
    case "refused":
      return texts.refusedTitle;
    case "unavailable":
      return texts.unavailableTitle;
    default:
      return texts.title;
  }
}

function brand(branding: Branding): Html | undefined {
  const logo = logoUrl(branding);
  const { name } = branding;
  if (logo === undefined && name === undefined) return undefined;
  // Beside its name the logo says nothing more.
  const image = logo === undefined ? undefined : html`<img src="${logo}" alt="">`;
  return html`<p class="brand">${image}${name}</p>\n`;
}

const ENVELOPE = html`<div class="mark" aria-hidden="true"><svg viewBox="0 0 24 24"><rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3.5 7 8.5 6 8.5-6"/></svg></div>`;
const CHECK = html`<div class="mark done" aria-hidden="true"><svg viewBox="0 0 24 24"><path d="m5 12.5 4.5 4.5L19 7.5"/></svg></div>`;

function ask({ texts, fields, target }: VerifyView, state: Exclude<VerifyState, "verified">): Html {
  const { code, userId, organizationId } = fields;
  const isWrong = state === "refused" || state === "missingCode";
  return html`<div id="ask">
${ENVELOPE}
<h1>${words(texts.title)}</h1>
<p id="lead"${hiddenUnless(state === "ready")}>${words(code === "" ? texts.leadWithoutCode : texts.lead)}</p>
<div id="messages" role="alert">
${message("refused", state, texts.refusedTitle, [texts.refusedText, texts.refusedNext])}
${message("missingCode", state, texts.missingCode, [])}
${message("offline", state, texts.offlineTitle, [texts.offlineText], "calm")}
${message("unavailable", state, texts.unavailableTitle, [texts.unavailableText], "calm")}
</div>
<form id="form" method="post" action="/verify">
<input type="hidden" id="user" name="userId" value="${userId}">
${organizationId === "" ? undefined : html`<input type="hidden" name="orgId" value="${organizationId}">\n`}${
    target === undefined ? undefined : html`<input type="hidden" name="continue" value="${target.href}">\n`
  }<label for="code">${words(texts.codeLabel)}</label>
<input class="code" id="code" name="code" value="${code}" required maxlength="64" autocomplete="one-time-code" autocapitalize="characters" autocorrect="off" spellcheck="false"${
    isWrong ? html` aria-invalid="true" aria-describedby="messages"` : undefined
  }>
<button class="wide" id="button" type="submit"><span id="idle">${words(texts.button)}</span><span id="working" hidden><span class="spinner" aria-hidden="true"></span>${words(texts.working)}</span></button>
</form>
</div>`;
}

function message(
  name: FormProblem | "offline",
  state: VerifyState,
  title: string,
  paragraphs: readonly string[],
  ...manner: readonly string[]
): Html {
  return html`<div class="${["message", ...manner].join(" ")}" id="${name}"${hiddenUnless(state === name)}><h2>${words(title)}</h2>${paragraphs.map(
    (text) => html`<p>${words(text)}</p>`,
  )}</div>`;
}

function done({ texts, target }: VerifyView, isShown: boolean): Html {
  const withHost = (text: string) => text.replaceAll("{{host}}", target?.host ?? "");
  const onward =
    target === undefined
      ? undefined
      : html`<div class="onward">
<p id="redirecting" role="status" hidden>${withHost(texts.redirecting)}</p>
<a class="button" id="onward" href="${target.href}" rel="noreferrer">${withHost(texts.onward)}</a>
<button class="quiet" id="stay" type="button" hidden>${words(texts.stay)}</button>
</div>`;
  return html`<div id="done"${hiddenUnless(isShown)}>
${CHECK}
<h1 tabindex="-1">${words(texts.verifiedTitle)}</h1>
<p class="good">${words(texts.verifiedText)}</p>
<p class="soft">${words(texts.verifiedNext)}</p>
${onward}
</div>`;
}

/** No line ends within `e-mail`. */
function words(text: string): HtmlValue {
  return text
    .split(/(\be-mail)/i)
    .map((part, index) => (index % 2 === 1 ? html`<span class="whole">${part}</span>` : part));
}

function hiddenUnless(isShown: boolean): Html | undefined {
  return isShown ? undefined : html` hidden`;
}
