// Codes and links through every end that a mail can have, with a real process, a real relay and a log at its most
// talkative: what is on disk, in the log and in answers to others is searched for each of them, in clear and encoded.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { readKeyFile } from "../../src/store/key-file.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { parseLinkTemplate, renderLink } from "../../src/verification/url-template.ts";
import { temporaryFolders } from "../contract/temporary.ts";
import { Refusal, Relay, type ReceivedMail } from "../mail/relay.ts";
import { runCommand } from "../support/command.ts";
import { TestPostgres } from "../support/postgres-server.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";
import { testDatabase, type TestDatabase } from "../support/test-database.ts";
import { filesOf, findings, formsOf, type Haystacks } from "./encoded-forms.ts";

const PATIENCE_MS = 20_000;
const HOUR_MS = 3_600_000;
/** Long enough that no chance puts one into random bytes. */
const CODE_LENGTH = 12;
/** Stands where anything of a user is stored, and looks like a code. */
const PLANTED = "K7M2QXPLANTD";

const temporaryFolder = temporaryFolders();
const startServer = serverProcesses();
let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await TestPostgres.start();
});
afterAll(() => postgres.stop());
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Where a service keeps what it has. */
interface Place {
  readonly name: string;
  /** In each of these kinds of file the planted text is to be found, in clear and encoded. */
  readonly files: readonly RegExp[];
  /** Makes the database, and says how to reach it and where its content is. */
  prepare(dataDir: string): Promise<PreparedPlace>;
}

interface PreparedPlace {
  readonly settings: Readonly<Record<string, string>>;
  readonly database: TestDatabase;
  /** Everything that is stored outside the data directory. */
  stored(): Promise<Haystacks>;
}

const PLACES: readonly Place[] = [
  {
    name: "SQLite",
    files: [/countersign\.db/],
    prepare: async (dataDir) => ({
      settings: {},
      database: testDatabase(undefined, dataDir),
      stored: async () => new Map(),
    }),
  },
  {
    name: "PostgreSQL",
    files: [/users/, /base\/\d+\/\d+/, /pg_wal\/\w+/],
    async prepare(dataDir) {
      const name = await postgres.createDatabase();
      const url = postgres.url(name);
      const token = randomBytes(32).toString("hex");
      writeFileSync(join(dataDir, "secret.key"), randomBytes(32).toString("base64"), { mode: 0o600 });
      writeFileSync(join(dataDir, "admin.token"), token, { mode: 0o600 });
      const database = testDatabase(url, dataDir);
      return {
        settings: {
          COUNTERSIGN_DATABASE_URL: url,
          COUNTERSIGN_SECRET_KEY_FILE: join(dataDir, "secret.key"),
          COUNTERSIGN_ADMIN_TOKEN: token,
        },
        database,
        // Its tables as they are read, for what is compressed; its files and its log, for what was overwritten.
        stored: async () => new Map([...(await database.contents()), ...(await postgres.filesOf(name))]),
      };
    },
  },
];

/** One data directory, the service on it, and everything that it must not let slip. */
class Life {
  readonly dataDir = temporaryFolder();
  /** Codes and links by where they come from. */
  readonly secrets = new Map<string, string>();
  /** Answers that refuse something, headers and all. */
  readonly refusals: string[] = [];
  /** Settings of the next start. */
  readonly env: Record<string, string>;
  readonly #place: Place;
  readonly #servers: ServerProcess[] = [];
  #prepared: PreparedPlace | undefined;
  #url = "";
  #token = "";

  constructor(place: Place, env: Record<string, string> = {}) {
    this.#place = place;
    this.env = env;
  }

  /** Of the service and of commands beside it. */
  get settings(): Readonly<Record<string, string>> {
    return { COUNTERSIGN_DATA_DIR: this.dataDir, ...this.#prepared?.settings };
  }

  async start(aheadMs = 0): Promise<void> {
    this.#prepared ??= await this.#place.prepare(this.dataDir);
    const server = startServer({
      dataDir: this.dataDir,
      env: {
        COUNTERSIGN_LOG_LEVEL: "trace",
        COUNTERSIGN_CODE_LENGTH: String(CODE_LENGTH),
        COUNTERSIGN_SHUTDOWN_GRACE: "1s",
        TEST_CLOCK_OFFSET_MS: String(aheadMs),
        ...this.#prepared.settings,
        ...this.env,
      },
      nodeArguments: ["--import", new URL("../support/clock-offset.ts", import.meta.url).href],
    });
    this.#servers.push(server);
    this.#url = await server.ready();
    this.#token = readFileSync(join(this.dataDir, "admin.token"), "utf8").trim();
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const { code } = (await this.#servers.at(-1)?.end(signal)) ?? {};
    expect(code).toBe(signal === "SIGTERM" ? 0 : null);
  }

  async request(method: string, path: string, body?: object | string): Promise<Record<string, unknown>> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        "content-type": typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json",
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const text = await response.text();
    if (response.ok) return text.startsWith("{") ? (JSON.parse(text) as Record<string, unknown>) : {};
    const headers = JSON.stringify([...response.headers]);
    // The form of the verification page shows a person again what that person typed, and nobody keeps it.
    const isForm = text.includes("<form");
    if (isForm) expect(response.headers.get("cache-control")).toBe("no-store");
    this.refusals.push(isForm ? headers : headers + text);
    return { refusedWith: response.status };
  }

  /** @throws Error unless it is done */
  async call(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.request(method, path, body);
    if ("refusedWith" in answer) throw new Error(`${method} ${path}: ${this.refusals.at(-1)}`);
    return answer;
  }

  addUser(userId: string, verification: object = { sendCode: {} }, names: object = {}) {
    return this.call("POST", "/v2/users/human", {
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace", ...names },
      email: { email: addressOf(userId), ...verification },
    });
  }

  /** Tries a code in every way that there is to try one. */
  async tryCode(userId: string, code: string): Promise<void> {
    this.secrets.set(`code ${this.secrets.size}, tried for ${userId}`, code);
    await this.request("POST", `/v2/users/${userId}/email/verify`, { verificationCode: code });
    const rpc = "/zitadel.user.v2.UserService/VerifyEmail";
    await this.request("POST", rpc, { userId, verificationCode: code });
    await this.request("POST", "/verify", `userId=${userId}&code=${code}`);
    await this.request("GET", `/verify?userId=${userId}&code=${code}`);
  }

  /**
   * Opens, with the service's own key, every code that is sealed in the outbox now.
   *
   * @returns the code of that user that was queued last
   */
  async unseal(userId: string): Promise<string> {
    const keyring = new Keyring((await readKeyFile(join(this.dataDir, "secret.key"))) ?? []);
    let newest: string | undefined;
    for (const row of (await this.#rows()).filter(({ sealedCode }) => sealedCode !== null)) {
      const code = keyring.open(row.sealedCode ?? "", row.deliveryId);
      const parsed = parseLinkTemplate(row.urlTemplate);
      if (!parsed.ok) throw new Error(`not a template: ${row.urlTemplate}`);
      const link = renderLink(parsed.template, { Code: code, UserID: row.userId, OrgID: row.organizationId });
      this.secrets.set(`code ${row.id} of ${row.userId}`, code);
      this.secrets.set(`link ${row.id} of ${row.userId}`, link);
      if (row.userId === userId) newest = code;
    }
    if (newest === undefined) throw new Error(`no code is sealed for ${userId}`);
    return newest;
  }

  /** The states of a user's mails, oldest first. */
  async states(): Promise<Record<string, string[]>> {
    const states: Record<string, string[]> = {};
    for (const { userId, state } of await this.#rows()) (states[userId] ??= []).push(state);
    return states;
  }

  async reaches(expected: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const wanted = sorted(expected);
    await this.#until((states) => JSON.stringify(sorted(states)) === JSON.stringify(wanted));
    expect(await this.states()).toEqual(expected);
  }

  /** Resolves once every mail has come to its end. */
  async isDrained(): Promise<void> {
    const ends = ["sent", "failed", "cancelled", "expired"];
    const isOver = (states: Record<string, string[]>) =>
      Object.values(states)
        .flat()
        .every((state) => ends.includes(state));
    await this.#until(isOver);
    expect(isOver(await this.states())).toBe(true);
  }

  /** Returns without it when it takes too long. */
  async #until(holds: (states: Record<string, string[]>) => boolean): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!holds(await this.states()) && performance.now() < deadlineMs) await sleep(20);
  }

  /** Whatever the outbox says of problems. */
  async problems(): Promise<string[]> {
    return (await this.#rows()).flatMap(({ problem }) => (problem === null ? [] : [problem]));
  }

  /** All that lies about now: every file of the data directory and of the database, the logs, the refusals. */
  async haystacks(): Promise<Haystacks> {
    const logs = this.#servers.map((server) => server.complaints + server.output);
    return new Map([
      ...filesOf(this.dataDir),
      ...((await this.#prepared?.stored()) ?? []),
      ["the log", Buffer.from(logs.join("\n"))],
      ["refusals", Buffer.from(this.refusals.join("\n"))],
    ]);
  }

  /** Nothing secret is anywhere; what is not secret is found where it belongs, so the search does see what is there. */
  async expectNothingFound(when: string): Promise<void> {
    const haystacks = await this.haystacks();
    expect({ when, found: findings(haystacks, this.secrets) }).toEqual({ when, found: [] });
    const [someUser = ""] = Object.keys(await this.states());
    const seen = findings(
      haystacks,
      new Map([
        ["the planted text", PLANTED],
        ["a recipient", addressOf(someUser)],
        ["a call", "zitadel.user.v2.UserService/AddHumanUser"],
      ]),
    );
    const everywhere = this.#place.files.flatMap((file) =>
      [
        "clear of the planted text",
        "hex of the planted text",
        "percent-encoded of the planted text",
        ...[0, 1, 2].map((before) => `base64, ${before} bytes into a group of the planted text`),
        "clear of a recipient",
      ].map((what) => expect.stringMatching(new RegExp(`^${what} in ${file.source}`))),
    );
    expect({ when, seen }).toEqual({
      when,
      seen: expect.arrayContaining([...everywhere, "clear of a call in the log"]),
    });
  }

  /** A user who has the planted text for names, in every form that a text field takes. */
  async plant(): Promise<void> {
    const forms = formsOf(PLANTED);
    const form = (name: string) => String(forms.get(name));
    await this.addUser(
      "planted",
      { isVerified: true },
      {
        givenName: PLANTED,
        familyName: form("hex"),
        nickName: form("percent-encoded"),
        displayName: [0, 1, 2].map((before) => form(`base64, ${before} bytes into a group`)).join(" "),
      },
    );
  }

  async #rows(): Promise<OutboxRow[]> {
    const rows = await this.#prepared?.database.rows<OutboxRow>(
      `SELECT id, delivery_id AS "deliveryId", user_id AS "userId", organization_id AS "organizationId",
         url_template AS "urlTemplate", sealed_code AS "sealedCode", state, problem FROM outbox ORDER BY id`,
    );
    return rows ?? [];
  }
}

interface OutboxRow {
  readonly id: number | string;
  readonly deliveryId: string;
  readonly userId: string;
  readonly organizationId: string;
  readonly urlTemplate: string;
  readonly sealedCode: string | null;
  readonly state: string;
  readonly problem: string | null;
}

function addressOf(userId: string): string {
  return `${userId}@mail.example`;
}

function sorted(states: Readonly<Record<string, readonly string[]>>): object {
  return Object.entries(states).toSorted(([a], [b]) => a.localeCompare(b));
}

/** A relay greets when it may. */
async function openAfter(opened: Promise<void>, greet: () => void): Promise<void> {
  await opened;
  greet();
}

/** The relay quotes what it refuses, as spam filters do. */
function judge({ envelopeTo: [to = ""], raw }: ReceivedMail): void {
  const text = raw.replace(/=\r\n/g, "");
  const [code = ""] = new RegExp(`^[A-Z2-9]{${CODE_LENGTH}}(?=\r?$)`, "m").exec(text) ?? [];
  const [link = ""] = /^https?:\S+/m.exec(text) ?? [];
  if (to.startsWith("quoted@")) throw new Refusal(554, `5.7.1 the mail with ${code} and ${link} is spam`);
  if (to.startsWith("delayed@")) throw new Refusal(451, `4.3.0 ${code} not now, ${link} later`);
}

describe.each(PLACES.map((place) => [place.name, place] as const))("%s", (_name, place) => {
  test("no code and no link is ever at rest in clear, whatever becomes of its mail", async () => {
    const gate = Promise.withResolvers<void>();
    const relay = await Relay.start({
      // Mails wait for the greeting, so that they can lose their purpose before they leave.
      options: { onConnect: (_session, callback) => void openAfter(gate.promise, callback) },
      onRecipient: (address) => {
        if (address.startsWith("refused@")) throw new Refusal(550, "5.1.1 no such mailbox");
      },
      beforeAccept: judge,
    });
    closing.push(() => relay.stop());
    closing.push(() => gate.resolve());
    const life = new Life(place, { COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}` });
    await life.start();
    await life.plant();

    for (const userId of [
      "sent",
      "refused",
      "quoted",
      "superseded",
      "used",
      "changed",
      "deleted",
      "delayed",
    ]) {
      await life.addUser(userId);
    }
    for (const userId of ["superseded", "changed", "deleted"]) await life.unseal(userId);
    const used = await life.unseal("used");
    const superseded = await life.unseal("superseded");
    await life.expectNothingFound("while mails are queued");

    await life.call("POST", "/v2/users/superseded/email/send", {});
    await life.call("POST", "/v2/users/used/email/verify", { verificationCode: used });
    await life.call("POST", "/v2/users/changed/email", { email: "other@mail.example", sendCode: {} });
    await life.unseal("changed");
    await life.unseal("superseded");
    await life.call("DELETE", "/v2/users/deleted");
    gate.resolve();
    const ends = {
      sent: ["sent"],
      refused: ["failed"],
      quoted: ["failed"],
      superseded: ["cancelled", "sent"],
      used: ["cancelled"],
      changed: ["cancelled", "sent"],
      deleted: ["cancelled"],
      delayed: ["retrying"],
    };
    await life.reaches(ends);
    // What was unsealed is what was mailed.
    expect(relay.mails).toHaveLength(3);
    const secrets = [...life.secrets.values()];
    for (const { parsed } of relay.mails) {
      const lines = (parsed.text ?? "").split("\n").map((line) => line.trim());
      expect(lines.filter((line) => secrets.includes(line))).toHaveLength(2);
    }
    // The relay's words are kept as far as they give nothing away.
    expect((await life.problems()).join("\n")).toMatch(/is spam/);
    await life.expectNothingFound("once mails have come to their ends");

    const { emailCode } = await life.addUser("returned", { returnCode: {} });
    const { verificationCode } = await life.call("POST", "/v2/users/returned/email/send", { returnCode: {} });
    life.secrets.set("the first code returned", String(emailCode));
    life.secrets.set("the second code returned", String(verificationCode));
    await life.tryCode("returned", String(emailCode));
    await life.tryCode("superseded", superseded);
    await life.tryCode("deleted", superseded);
    await life.tryCode("nobody", used);
    for (let tries = 0; tries < 3; tries++) await life.tryCode("sent", `WR${tries}NGWRONGWR`);
    await life.tryCode("returned", String(verificationCode));
    await life.request("POST", "/v2/users/sent/email/send", {
      sendCode: { urlTemplate: `https://mail.example/${used}/{{.Secret}}` },
    });
    await life.request("POST", "/v2/users/sent/email/verify", { verificationCode: { code: used } });
    expect(life.refusals.length).toBeGreaterThan(15);
    expect(life.refusals.join("\n")).toContain("COMMAND-eis9R");
    await life.expectNothingFound("once codes were tried");
    await life.end("SIGKILL");
    await life.expectNothingFound("after kill -9");

    const rotation = await runCommand(["keys", "rotate"], { env: life.settings });
    expect(rotation.code).toBe(0);
    life.refusals.push(rotation.stdout + rotation.stderr);
    const delayed = [...life.secrets].find(([name]) => /^code \d+ of delayed$/.test(name))?.[1] ?? "";
    await life.start(2 * HOUR_MS);
    await life.reaches({ ...ends, delayed: ["expired"] });
    await life.tryCode("delayed", delayed);
    await life.expectNothingFound("once the last code expired");
    await life.end("SIGTERM");
    const files = ["admin.token", "countersign.db", "countersign.db.lock", "secret.key"];
    expect([...filesOf(life.dataDir).keys()].toSorted()).toEqual(
      place.name === "SQLite" ? files : files.filter((name) => !name.startsWith("countersign")),
    );
    await life.expectNothingFound("after the end");
  }, 120_000);

  test("nor are those in the dev inbox", async () => {
    const life = new Life(place);
    await life.start();
    await life.plant();
    for (const userId of ["ada", "grace", "alan"]) await life.addUser(userId);
    await life.call("POST", "/v2/users/alan/email/send", {});
    await life.isDrained();
    const { mails } = (await life.call("GET", "/inbox?format=json")) as {
      mails: { to: string; code: string; link: string }[];
    };
    expect(mails.length).toBeGreaterThanOrEqual(3);
    for (const [index, { to, code, link }] of mails.entries()) {
      life.secrets.set(`code ${index} of ${to}`, code);
      life.secrets.set(`link ${index} of ${to}`, link);
    }
    const codeOf = (userId: string) => mails.find(({ to }) => to === addressOf(userId))?.code ?? "";
    await life.call("POST", "/v2/users/ada/email/verify", { verificationCode: codeOf("ada") });
    await life.call("DELETE", "/v2/users/grace");
    await life.tryCode("grace", codeOf("grace"));
    await life.expectNothingFound("while mails are in the inbox");
    await life.end("SIGKILL");
    await life.expectNothingFound("after kill -9");
    await life.start();
    await life.call("GET", "/inbox?format=json");
    await life.end("SIGTERM");
    await life.expectNothingFound("after the end");
  }, 60_000);

  test("nor are those that an HTTP provider gets, who quotes them in its refusals", async () => {
    const life = new Life(place);
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const { contextInfo, templateData, args } = (await json(request)) as ProviderMail;
      const [userId = ""] = contextInfo.recipientEmailAddress.split("@");
      life.secrets.set(`code of ${userId}`, args.code);
      life.secrets.set(`link of ${userId}`, templateData.url);
      const status = { refused: 400, delayed: 503, misled: 302 }[userId] ?? 204;
      response.writeHead(status, `no ${args.code}`, { location: templateData.url, "x-code": args.code });
      response.end(
        status === 204 ? undefined : JSON.stringify({ error: `${args.code} in ${templateData.url}` }),
      );
    };
    const provider = createServer((request, response) => void answer(request, response));
    provider.listen(0, "127.0.0.1");
    await once(provider, "listening");
    closing.push(() => provider.close());
    closing.push(() => provider.closeAllConnections());
    const { port } = provider.address() as AddressInfo;
    life.env["COUNTERSIGN_MAIL_WEBHOOK_URL"] = `http://127.0.0.1:${port}/mail`;
    life.env["COUNTERSIGN_MAIL_WEBHOOK_SECRET"] = `whsec_${randomBytes(32).toString("base64")}`;
    await life.start();
    await life.plant();
    for (const userId of ["sent", "refused", "delayed", "misled"]) await life.addUser(userId);
    await life.reaches({ sent: ["sent"], refused: ["failed"], delayed: ["retrying"], misled: ["retrying"] });
    expect(life.secrets.size).toBe(8);
    await life.expectNothingFound("once the provider has answered");
    await life.end("SIGTERM");
    await life.expectNothingFound("after the end");
  }, 60_000);
});

interface ProviderMail {
  readonly contextInfo: { readonly recipientEmailAddress: string };
  readonly templateData: { readonly url: string };
  readonly args: { readonly code: string };
}

test.each([...formsOf(PLANTED).keys()])("the search finds a code as %s", (form) => {
  const needle = formsOf(PLANTED).get(form) ?? Buffer.of();
  const file = Buffer.concat([Buffer.from("before "), needle, Buffer.from(" after")]);
  const found = findings(new Map([["a file", file]]), new Map([["the code", PLANTED]]));
  expect(found).toContain(`${form} of the code in a file`);
});

test("the search finds a code within base64, wherever it stands in the text", () => {
  for (let before = 0; before < 6; before++) {
    const file = Buffer.from(Buffer.from(`${"x".repeat(before)}${PLANTED}yz`).toString("base64"));
    expect(findings(new Map([["a file", file]]), new Map([["the code", PLANTED]]))).not.toEqual([]);
  }
});
