// The app's server, and the only one that holds a token: it adds the person who signs up, has the code sent, and hands on
// to the page what becomes of the address. Codes never pass through it.
import { callFailure, createCountersignClient, watchEmail } from "countersign/client";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { builtPage, developedPage } from "./page.ts";
import { sessionOf, startSession } from "./sessions.ts";

const { COUNTERSIGN_URL = "http://127.0.0.1:8080", COUNTERSIGN_TOKEN, PORT = "5173" } = process.env;
const TOKEN_FILE = join(import.meta.dirname, "../../data/admin.token");
const MAX_BODY_BYTES = 10_000;
const HEARTBEAT_MS = 15_000;

const countersign = createCountersignClient({
  url: COUNTERSIGN_URL,
  token: COUNTERSIGN_TOKEN ?? readFileSync(TOKEN_FILE, "utf8").trim(),
});

/** The person, and with them their first code, which leaves by mail. */
async function signUp(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { givenName = "", familyName = "", email = "" } = await readJson(request);
  const { userId } = await countersign.users.addHumanUser({
    profile: { givenName, familyName },
    email: { email, verification: { case: "sendCode", value: {} } },
  });
  response.setHeader("set-cookie", startSession({ userId, email }));
  answer(response, 201, { userId, email });
}

async function tellSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = sessionOf(request);
  answer(response, session === undefined ? 204 : 200, session);
}

async function sendNewCode(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await readJson(request);
  const session = sessionOf(request);
  if (session === undefined) return answer(response, 401);
  await countersign.users.sendEmailCode({ userId: session.userId });
  answer(response, 202);
}

/** Server-sent events, which end when the address is verified or the page is closed. */
async function tellEmailStatus(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const session = sessionOf(request);
  // Any other status than 200 keeps the browser from asking again.
  if (session === undefined) return answer(response, 401);
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.write(":\n\n"), HEARTBEAT_MS);
  try {
    for await (const status of watchEmail(countersign, session.userId, { signal: closed.signal })) {
      const { address: email, isVerified } = status;
      response.write(`data: ${JSON.stringify({ email, isVerified })}\n\n`);
    }
  } finally {
    clearInterval(heartbeat);
    response.end();
  }
}

const ROUTES: Readonly<Record<string, typeof signUp>> = {
  "POST /api/sign-up": signUp,
  "GET /api/session": tellSession,
  "POST /api/new-code": sendNewCode,
  "GET /api/email-status": tellEmailStatus,
};

const server = createServer((request, response) => {
  const route = ROUTES[`${request.method} ${request.url}`];
  if (route === undefined) {
    servePage(request, response);
    return;
  }
  route(request, response).catch((error: unknown) => {
    const { code, reason } = callFailure(error);
    console.error(`${request.method} ${request.url}: ${reason ?? code}`);
    // What went wrong is for the log: a page that says "this address is taken" says so to everybody.
    if (!response.headersSent) answer(response, code === "unavailable" ? 503 : 400);
  });
});
const servePage = process.argv.includes("--built") ? await builtPage() : await developedPage(server);
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

/** JSON by name: a form on another site cannot send that. */
async function readJson(request: IncomingMessage): Promise<Partial<Record<string, string>>> {
  if (request.headers["content-type"] !== "application/json") throw new TypeError("the body is not JSON");
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > MAX_BODY_BYTES) throw new RangeError("the body is too long");
  }
  return JSON.parse(text) as Partial<Record<string, string>>;
}

function answer(response: ServerResponse, status: number, body?: object): void {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
