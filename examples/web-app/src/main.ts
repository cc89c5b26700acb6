// The page: sign up, enter the code, and see at once when the address is verified, wherever that was done.
import { verifyEmail, VerifyError } from "countersign/client/verify-email";

/** Where Countersign is, as the browser reaches it. It has to let this page's origin in: COUNTERSIGN_CORS_ORIGINS. */
const countersignUrl: string = import.meta.env.VITE_COUNTERSIGN_URL ?? "http://127.0.0.1:8080";

/** INVALID_ARGUMENT: all that somebody without a token is told of a code that does not verify. */
const REFUSED = 3;

interface Session {
  readonly userId: string;
  readonly email: string;
}

const signUpForm = byId("sign-up") as HTMLFormElement;
const codeForm = byId("enter-code") as HTMLFormElement;
const steps = [signUpForm, codeForm, byId("done")];
let session: Session | undefined;

signUpForm.addEventListener("submit", (event) => {
  event.preventDefault();
  void signUp(Object.fromEntries(new FormData(signUpForm)));
});
codeForm.addEventListener("submit", (event) => {
  event.preventDefault();
  void enterCode((codeForm.elements.namedItem("code") as HTMLInputElement).value);
});
byId("new-code").addEventListener("click", () => void sendNewCode());
void begin();

/** A page that is loaded again, or in a second tab, goes on where the first one is. */
async function begin(): Promise<void> {
  const response = await fetch("/api/session");
  if (response.status === 200) askForCode((await response.json()) as Session);
  else show("sign-up");
}

async function signUp(person: object): Promise<void> {
  const response = await post("/api/sign-up", person);
  if (response.ok) askForCode((await response.json()) as Session);
  else say("That did not work. Check what you have typed, and try again.");
}

function askForCode(of: Session): void {
  session = of;
  byId("address").textContent = of.email;
  show("enter-code");
  watch();
}

/** The code is the credential: no token is needed, so the browser asks Countersign itself, over gRPC-Web. */
async function enterCode(verificationCode: string): Promise<void> {
  if (session === undefined) return;
  try {
    await verifyEmail({ url: countersignUrl, userId: session.userId, verificationCode });
    show("done");
  } catch (error) {
    const isRefused = error instanceof VerifyError && error.status === REFUSED;
    say(isRefused ? "This code does not work. Check it, or have a new one sent." : "Please try again.");
  }
}

async function sendNewCode(): Promise<void> {
  const response = await post("/api/new-code", {});
  say(response.ok ? "A new code is on its way." : "Please wait a while before you ask for another code.");
}

/** The browser connects again by itself when the stream breaks. */
function watch(): void {
  const statuses = new EventSource("/api/email-status");
  statuses.addEventListener("message", ({ data }) => {
    const { email, isVerified } = JSON.parse(String(data)) as { email: string; isVerified: boolean };
    byId("address").textContent = email;
    if (!isVerified) return;
    statuses.close();
    show("done");
  });
}

function post(path: string, body: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

function show(id: string): void {
  for (const step of steps) step.hidden = step.id !== id;
  say("");
}

function say(text: string): void {
  byId("message").textContent = text;
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}
