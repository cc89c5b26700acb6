/**
 * What the verification page does in a browser that runs scripts.
 *
 * - ready: the form. Loading the page leads here and no further, for mail scanners run scripts as well; only a person's
 *   press on the button goes on.
 * - working: VerifyEmail is asked. A refusal for the moment is waited for and asked again, in the person's name.
 * - verified: also for a code that has verified before. The form is gone; an onward link, where there is one, is followed
 *   after a while unless the person stays.
 * - refused, offline, unavailable: a message above the form, and the button works again. Coming back online takes the
 *   message away and sends nothing.
 *
 * The document has the words and the looks of every state (verify-view.ts); here they are shown and hidden. A browser too
 * old for what is used here sends the form, and the server answers with the state.
 */
import { verifyEmail, VerifyError } from "../../../client/verify-email.ts";

type Problem = "refused" | "missingCode" | "offline" | "unavailable";

const PROBLEMS: readonly Problem[] = ["refused", "missingCode", "offline", "unavailable"];
const TIMEOUT_MS = 15_000;
const MAX_ATTEMPTS = 4;
const MAX_WAIT_MS = 5_000;
const REDIRECT_MS = 8_000;
/** gRPC's INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, FAILED_PRECONDITION: the code, not the service, is to blame. */
const REFUSALS: ReadonlySet<number | undefined> = new Set([3, 5, 8, 9]);
/** White space, and what is not seen at all, which pasting brings along. */
const UNSEEN = /[\p{White_Space}\p{Cf}]/gu;

leaveNoCodeInAddressBar();
if ("timeout" in AbortSignal) takeOver();

function leaveNoCodeInAddressBar(): void {
  const url = new URL(location.href);
  if (!url.searchParams.has("code")) return;
  url.searchParams.delete("code");
  history.replaceState(null, "", url);
}

function takeOver(): void {
  const form = byId("form", HTMLFormElement);
  const input = byId("code", HTMLInputElement);
  input.addEventListener("input", (event) => {
    // "ABC-123" and " abc 123 " are as good: the service knows how people spell. Blanks around are taken off to look at.
    if (event instanceof InputEvent && event.inputType === "insertFromPaste")
      input.value = input.value.trim();
  });
  let isWorking = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isWorking) return;
    isWorking = true;
    void submit(input).finally(() => (isWorking = false));
  });
  addEventListener("online", () => {
    if (!byId("offline", HTMLElement).hidden) showProblem(undefined);
  });
}

async function submit(input: HTMLInputElement): Promise<void> {
  const code = input.value.replace(UNSEEN, "");
  if (code === "") return showProblem("missingCode");
  if (!navigator.onLine) return showProblem("offline");
  showProblem(undefined);
  showWorking(true);
  try {
    await verify(byId("user", HTMLInputElement).value, code);
    showVerified();
  } catch (error) {
    const isRefused = error instanceof VerifyError && REFUSALS.has(error.status);
    showProblem(isRefused ? "refused" : navigator.onLine ? "unavailable" : "offline");
  } finally {
    showWorking(false);
  }
}

async function verify(userId: string, verificationCode: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await verifyEmail({ userId, verificationCode, timeoutMs: TIMEOUT_MS });
    } catch (error) {
      const waitMs = error instanceof VerifyError ? error.retryAfterMs : undefined;
      if (waitMs === undefined || waitMs > MAX_WAIT_MS || attempt >= MAX_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs * (1 + Math.random())));
    }
  }
}

function showWorking(isWorking: boolean): void {
  const input = byId("code", HTMLInputElement);
  byId("idle", HTMLElement).hidden = isWorking;
  byId("working", HTMLElement).hidden = !isWorking;
  input.readOnly = isWorking;
  // Not `disabled`, which would take the focus away from it.
  byId("button", HTMLElement).setAttribute("aria-disabled", String(isWorking));
}

function showProblem(problem: Problem | undefined): void {
  for (const name of PROBLEMS) byId(name, HTMLElement).hidden = name !== problem;
  byId("lead", HTMLElement).hidden = problem !== undefined;
  const input = byId("code", HTMLElement);
  const isCodeWrong = problem === "refused" || problem === "missingCode";
  if (isCodeWrong) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", "messages");
    input.focus();
  } else {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

function showVerified(): void {
  byId("ask", HTMLElement).hidden = true;
  byId("ignore", HTMLElement).hidden = true;
  const done = byId("done", HTMLElement);
  done.hidden = false;
  const heading = done.querySelector("h1");
  document.title = heading?.textContent ?? document.title;
  heading?.focus();
  goOnward();
}

function goOnward(): void {
  const link = document.getElementById("onward");
  if (!(link instanceof HTMLAnchorElement)) return;
  const [notice, stay] = [byId("redirecting", HTMLElement), byId("stay", HTMLElement)];
  const show = (isLeaving: boolean) => {
    notice.hidden = !isLeaving;
    stay.hidden = !isLeaving;
  };
  const timer = setTimeout(() => location.assign(link.href), REDIRECT_MS);
  stay.addEventListener("click", () => {
    clearTimeout(timer);
    show(false);
    link.focus();
  });
  show(true);
}

function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no #${id}`);
  return element;
}
