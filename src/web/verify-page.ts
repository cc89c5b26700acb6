/**
 * The page behind the link of a mail.
 *
 * Mail scanners open links, so opening changes nothing: GET shows a form, and only its button, a POST, verifies. The
 * page needs no script.
 */
import { html, type Html } from "./html.ts";
import { pageResponse } from "./page.ts";
import { isCrossSite } from "./request-origin.ts";

export type VerifyOutcome = "verified" | "refused" | "unavailable";

export interface VerifyPageOptions {
  /** Submits a code for a user; whoever holds the code may. @param clientAddress IP address, for the limits */
  readonly verify: (
    userId: string,
    code: string,
    clientAddress: string,
    requestId?: string,
  ) => Promise<VerifyOutcome>;
}

const FORM_TYPE = "application/x-www-form-urlencoded";

/** Serves GET, HEAD and POST /verify. */
export function createVerifyPage({
  verify,
}: VerifyPageOptions): (
  request: Request,
  peer: { readonly address: string; readonly requestId?: string },
) => Promise<Response> {
  return async (request, peer) => {
    if (request.method === "GET" || request.method === "HEAD") {
      const { userId, code } = fieldsOf(new URL(request.url).searchParams);
      return userId === ""
        ? incompleteLink(request)
        : show(request, 200, "Verify your email address", form(userId, code));
    }
    if (request.method !== "POST") {
      return show(
        request,
        405,
        "Not possible",
        html`<p>This page can be opened and its form sent, nothing else.</p>`,
        {
          allow: "GET, HEAD, POST",
        },
      );
    }
    if (isCrossSite(request)) {
      return show(
        request,
        403,
        "Not accepted",
        html`<p>This came from another website. Open the link in your email and press the button there.</p>`,
      );
    }
    if (mediaType(request) !== FORM_TYPE) {
      return show(request, 415, "Not understood", html`<p>Only the form of this page can be sent here.</p>`, {
        accept: FORM_TYPE,
      });
    }
    const { userId, code } = fieldsOf(new URLSearchParams(await request.text()));
    if (userId === "") return incompleteLink(request);
    if (code === "") return missingCode(request, userId);
    return answers[await verify(userId, code, peer.address, peer.requestId)](request, userId, code);
  };
}

const answers: Record<VerifyOutcome, (request: Request, userId: string, code: string) => Response> = {
  verified: (request) =>
    show(
      request,
      200,
      "Email address verified",
      html`<p class="good">Thank you, your email address is verified.</p>
<p class="soft">You can close this page and go on in the app that sent you the email.</p>`,
    ),
  refused: (request, userId, code) =>
    show(
      request,
      400,
      "This code cannot be used",
      html`<p class="bad">The code is wrong, too old, was replaced by a newer one, or was tried too often.</p>
<p>Compare it with your newest email. If it still cannot be used, ask the app that sent you the email for a new code.</p>
${form(userId, code)}`,
    ),
  unavailable: (request, userId, code) =>
    show(
      request,
      503,
      "Not possible right now",
      html`<p class="bad">Your code could not be checked. It is not lost: try again in a moment.</p>
${form(userId, code)}`,
      { "retry-after": "5" },
    ),
};

function incompleteLink(request: Request): Response {
  return show(
    request,
    400,
    "This link is incomplete",
    html`<p>Part of the link is missing. Open it once more from the email, or copy the whole of it into the address bar.</p>
<p class="soft">If that does not help, ask the app that sent you the email for a new code.</p>`,
  );
}

function missingCode(request: Request, userId: string): Response {
  return show(
    request,
    400,
    "Verify your email address",
    html`<p class="bad">Type the code from the email first.</p>
${form(userId, "")}`,
  );
}

function form(userId: string, code: string): Html {
  return html`<form method="post" action="/verify">
<input type="hidden" name="userId" value="${userId}">
<label for="code">Code from the email</label>
<input class="code" id="code" name="code" value="${code}" required maxlength="64" autocomplete="one-time-code" autocapitalize="characters" autocorrect="off" spellcheck="false">
<button class="wide" type="submit">Verify email address</button>
</form>`;
}

function show(
  request: Request,
  status: number,
  title: string,
  content: Html,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const body = html`<div class="card">
<h1>${title}</h1>
${content}
</div>`;
  return pageResponse(request, status, { title, body, width: "narrow" }, headers);
}

function fieldsOf(parameters: URLSearchParams): { userId: string; code: string } {
  return { userId: (parameters.get("userId") ?? "").trim(), code: (parameters.get("code") ?? "").trim() };
}

function mediaType(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";", 1).join("").trim().toLowerCase();
}
