// examples/web-app in a real Chromium, against a service of another origin: a sign-up, as a person goes through it.
import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { startBrowser } from "../support/chromium.ts";
import { describeInBrowser } from "../support/describe-in-browser.ts";
import { esbuild } from "../support/esbuild.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const EXAMPLE = join(ROOT, "examples/web-app");
const START_TIMEOUT_MS = 60_000;
/** From the answer to VerifyEmail to another tab. */
const SOON_MS = 1_000;

jest.setTimeout(60_000);

async function bundle(entry: string, outfile: string, ...options: string[]): Promise<void> {
  await esbuild(join(EXAMPLE, entry), "--format=esm", `--outfile=${outfile}`, ...options);
}

/** As `vite build` and `npm start` in the example's folder, but with the client from this checkout's sources. */
async function build(folder: string, serviceUrl: string): Promise<void> {
  const client = (module: string) => join(ROOT, `src/client/${module}.ts`);
  await mkdir(join(folder, "dist/src"), { recursive: true });
  await bundle(
    "server.ts",
    join(folder, "server.js"),
    "--platform=node",
    "--packages=external",
    `--alias:countersign/client=${client("node")}`,
  );
  await bundle(
    "src/main.ts",
    join(folder, "dist/src/main.js"),
    `--alias:countersign/client/verify-email=${client("verify-email")}`,
    `--define:import.meta.env.VITE_COUNTERSIGN_URL=${JSON.stringify(serviceUrl)}`,
  );
  const index = await readFile(join(EXAMPLE, "index.html"), "utf8");
  await writeFile(join(folder, "dist/index.html"), index.replace("/src/main.ts", "/src/main.js"));
  await cp(join(EXAMPLE, "src/style.css"), join(folder, "dist/src/style.css"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
}

describeInBrowser("in Chromium", () => {
  let browser: Browser;
  let application: TestApplication;
  let folder: string;
  let app: ChildProcess;
  let appUrl: string;
  let appErrors = "";
  let context: BrowserContext | undefined;
  const faults: string[] = [];

  beforeAll(async () => {
    application = await startTestApplication();
    folder = await mkdtemp(join(tmpdir(), "countersign-web-app-"));
    await build(folder, application.url);
    app = spawn(process.execPath, [join(folder, "server.js"), "--built"], {
      env: { COUNTERSIGN_URL: application.url, COUNTERSIGN_TOKEN: application.token, PORT: "0" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    app.stderr?.setEncoding("utf8").on("data", (text: string) => (appErrors += text));
    if (app.stdout === null) throw new Error("the app has no output");
    [appUrl] = (await once(createInterface(app.stdout), "line")) as [string];
    browser = await startBrowser();
  }, START_TIMEOUT_MS);
  afterEach(async () => {
    await context?.close();
    context = undefined;
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser.close();
    const ended = once(app, "exit");
    app.kill();
    await ended;
    await application.stop();
    await rm(folder, { recursive: true });
    expect(application.errors).toEqual([]);
    expect(appErrors).toBe("");
  });

  async function newTab(): Promise<Page> {
    context ??= await browser.newContext();
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    return page;
  }

  async function signUp(page: Page, email: string): Promise<void> {
    await page.goto(appUrl);
    await page.getByLabel("First name").fill("Ada");
    await page.getByLabel("Last name").fill("Lovelace");
    await page.getByLabel("Email address").fill(email);
    await page.getByRole("button", { name: "Sign up" }).click();
    await page.getByRole("heading", { name: "Check your mail" }).waitFor();
  }

  async function mailTo(email: string): Promise<{ readonly code: string; readonly link: string }> {
    const response = await fetch(`${application.url}/countersign/v1/inbox/wait?to=${email}&timeout=20s`, {
      headers: { authorization: `Bearer ${application.token}` },
    });
    const { mail } = (await response.json()) as { mail: { code: string; link: string } };
    return mail;
  }

  const welcome = (page: Page) => page.getByRole("heading", { name: "Welcome" });

  test("a sign-up in two tabs: the code is entered in one, and the other knows within a second", async () => {
    const page = await newTab();
    await signUp(page, "ada@example.com");
    const other = await newTab();
    await other.goto(appUrl);
    await other.getByText("We have sent a code to ada@example.com").waitFor();
    const { code } = await mailTo("ada@example.com");
    const calls: string[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") calls.push(`${request.url()} ${request.headers()["content-type"]}`);
      expect(request.headers()["authorization"]).toBeUndefined();
    });

    await page.getByLabel("Code").fill("WRONG2");
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("This code does not work.").waitFor();
    expect(await welcome(other).isVisible()).toBe(false);

    await page.getByLabel("Code").fill(` ${code.toLowerCase()} `);
    await page.getByRole("button", { name: "Verify" }).click();
    await welcome(page).waitFor();
    const verifiedMs = performance.now();
    await welcome(other).waitFor();
    expect(performance.now() - verifiedMs).toBeLessThan(SOON_MS);
    const call = `${application.url}/zitadel.user.v2.UserService/VerifyEmail application/grpc-web+proto`;
    expect(calls).toEqual([call, call]);
  });

  test("a new code, the link of its mail, and the page that waits elsewhere", async () => {
    const page = await newTab();
    await signUp(page, "grace@example.com");
    const first = await mailTo("grace@example.com");
    await page.getByRole("button", { name: "Send a new code" }).click();
    await page.getByText("A new code is on its way.").waitFor();
    let mail = first;
    while (mail.code === first.code) mail = await mailTo("grace@example.com");
    // On another device, without the session of this one.
    const elsewhere = await browser.newContext();
    const opened = await elsewhere.newPage();
    await opened.goto(mail.link);
    await opened.getByRole("button", { name: "Verify email address" }).click();
    await welcome(page).waitFor();
    await elsewhere.close();
  });

  test("who has no session watches nobody", async () => {
    for (const cookie of ["", "session=guessed"]) {
      const response = await fetch(`${appUrl}/api/email-status`, { headers: { cookie } });
      expect(response.status).toBe(401);
    }
    const response = await fetch(`${appUrl}/api/session`);
    expect(response.status).toBe(204);
  });
});
