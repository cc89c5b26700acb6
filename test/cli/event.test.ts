// `countersign event list` and `tail` against a running service, on a line that breaks.
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { runCommand, type CommandResult } from "../support/command.ts";

jest.setTimeout(60_000);

const ENTRY = fileURLToPath(new URL("../support/serve-from-source.ts", import.meta.url));

let application: TestApplication;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  application = await startTestApplication();
});
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
  await application.stop();
});

function run(...args: string[]): Promise<CommandResult> {
  return runCommand([...args, "--url", application.url, "--data-dir", application.dataDir]);
}

async function addUser(userId: string): Promise<void> {
  const answer = await fetch(`${application.url}/v2/users/human`, {
    method: "POST",
    headers: { authorization: `Bearer ${application.token}` },
    body: JSON.stringify({
      userId,
      profile: { givenName: "Ada", familyName: "Lovelace" },
      email: { email: `${userId}@example.com`, isVerified: false },
    }),
  });
  expect(answer.status).toBe(200);
}

/** A line to the service that can be cut. */
class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async to({ host, port }: TestApplication): Promise<Line> {
    const server = createServer();
    const line = new Line(server);
    server.on("connection", (near) => {
      const far = connect({ host, port });
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) {
        line.#sockets.add(socket);
        socket.on("error", () => {}).once("close", () => line.#sockets.delete(socket));
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(() => {
      line.cut();
      server.close();
    });
    return line;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Tail {
  readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  errors = "";

  constructor(url: string, ...args: string[]) {
    const flags = ["event", "tail", "--url", url, "--data-dir", application.dataDir, ...args];
    this.process = spawn(process.execPath, [ENTRY, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    closing.push(() => this.process.kill("SIGKILL"));
    this.process.stderr?.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    this.#lines = createInterface({ input: this.process.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
  }

  async next(): Promise<{ position: number; type: string; aggregate: { id: string } }> {
    const { value } = (await this.#lines.next()) as { value: string };
    const event = JSON.parse(value) as { position: string; type: string; aggregate: { id: string } };
    return { ...event, position: Number(event.position) };
  }
}

const steady = (text: string) =>
  text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/g, "TIME").replaceAll(/\d{16,}/g, "ID");

test("list shows what passes the filters, for people and for programs", async () => {
  await addUser("ada");
  await addUser("bob");
  const table = await run("event", "list", "--user", "ada", "--no-json");
  expect(steady(table.stdout).replaceAll(/ +/g, " ")).toMatchInlineSnapshot(`
"POSITION TIME TYPE OF NO. BY WHAT
4 TIME user.human.added ada 1 ID userName=ada@example.com email=ada@example.com firstName=Ada lastName=Lovelace displayName=Ada Lovelace
"
`);
  const json = await run("event", "list", "--type", "user.human.added", "--oldest-first", "--json");
  const { events } = JSON.parse(json.stdout) as { events: { aggregate: { id: string } }[] };
  expect(events.map(({ aggregate }) => aggregate.id)).toEqual(["ada", "bob"]);
  const one = await run("event", "list", "--limit", "1", "--since", "1h", "--no-json");
  expect(one.stdout.split("\n")).toHaveLength(3);
  expect(one.stderr).toBe("note: there are more: --limit 1 ended the list\n");
  const none = await run("event", "list", "--user", "nobody", "--no-json");
  expect([none.code, none.stdout, none.stderr]).toEqual([0, "", "no event passes the filters\n"]);
});

test("a type that does not exist is told", async () => {
  const { code, stderr } = await run("event", "list", "--type", "user.vanished");
  expect(code).toBe(1);
  expect(stderr).toContain("types[0]: value must be one of the types of events");
});

test("tail goes on where the line was cut, with every event once", async () => {
  const line = await Line.to(application);
  const tail = new Tail(line.url, "--after", "0", "--type", "user.human.added", "--json");
  for (const userId of ["ada", "bob", "eve"]) {
    await addUser(userId);
    expect(await tail.next()).toMatchObject({ type: "user.human.added", aggregate: { id: userId } });
    line.cut();
  }
  await addUser("zoe");
  expect(await tail.next()).toMatchObject({ aggregate: { id: "zoe" } });
  expect(tail.errors).toMatch(/^note: .*; going on after position \d+\n/);
  tail.process.kill("SIGINT");
  expect(await once(tail.process, "exit")).toEqual([130, null]);
});

test("tail ends after as many events as it is told", async () => {
  await addUser("ada");
  const { code, stdout } = await run("event", "tail", "--after", "0", "--count", "2", "--json");
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { position: string });
  expect(lines.map(({ position }) => position)).toEqual(["1", "2"]);
});

test("tail does not wait for a service that was never there, nor for a token that is refused", async () => {
  const line = await Line.to(application);
  const { url } = line;
  const refused = await runCommand(["event", "tail", "--url", url], {
    env: { COUNTERSIGN_ADMIN_TOKEN: "x".repeat(40) },
  });
  expect([refused.code, refused.stdout]).toEqual([6, ""]);
  const away = await runCommand([
    "event",
    "tail",
    "--url",
    "http://127.0.0.1:1",
    "--data-dir",
    application.dataDir,
  ]);
  expect([away.code, away.stdout]).toEqual([5, ""]);
});
