// How commands find the service and its token, and what they say, and exit with, when they cannot.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { makeCertificate } from "../support/certificate.ts";
import { runCommand } from "../support/command.ts";

jest.setTimeout(60_000);

let folder: string;
let application: TestApplication;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-cli-"));
  application = await startTestApplication();
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

/** `user show nobody` as a probe: exit code 4 says that the service was found, and takes the token. */
function probe(args: readonly string[], env: Record<string, string> = {}) {
  return runCommand(["user", "show", "nobody", ...args], { env });
}

const FOUND = { code: 4, stdout: "", stderr: "countersign: there is no user with that id or address\n" };

describe("the service is found", () => {
  test("as its own environment says", async () => {
    const { port, dataDir } = application;
    const env = { COUNTERSIGN_LISTEN: `0.0.0.0:${port}`, COUNTERSIGN_DATA_DIR: dataDir };
    expect(await probe([], env)).toMatchObject(FOUND);
  });

  test("by variables of the command", async () => {
    const env = {
      COUNTERSIGN_URL: application.url,
      COUNTERSIGN_TOKEN_FILE: join(application.dataDir, "admin.token"),
    };
    expect(await probe([], env)).toMatchObject(FOUND);
  });

  test("with the admin token in a variable", async () => {
    const env = { COUNTERSIGN_URL: application.url, COUNTERSIGN_ADMIN_TOKEN: application.token };
    expect(await probe([], env)).toMatchObject(FOUND);
  });

  test("by flags, which go before variables", async () => {
    const tokenFile = join(folder, "token");
    await copyFile(join(application.dataDir, "admin.token"), tokenFile);
    const env = {
      COUNTERSIGN_URL: "http://127.0.0.1:9",
      COUNTERSIGN_TOKEN_FILE: "/nowhere",
      COUNTERSIGN_ADMIN_TOKEN: "x".repeat(40),
    };
    expect(await probe(["--url", `${application.url}/`, "--token-file", tokenFile], env)).toMatchObject(
      FOUND,
    );
  });
});

describe("without a service that answers", () => {
  let server: Server | undefined;
  const token = () => ["--token-file", join(application.dataDir, "admin.token")];
  afterEach(() => void server?.close());

  test("nothing listens", async () => {
    expect(await probe(["--url", "http://127.0.0.1:1", ...token()])).toMatchObject({
      code: 5,
      stdout: "",
      stderr: "countersign: nothing answers at http://127.0.0.1:1: is `countersign serve` running?\n",
    });
  });

  test("the host name is not known", async () => {
    expect(await probe(["--url", "http://countersign.invalid:8080", ...token()])).toMatchObject({
      code: 5,
      stderr:
        "countersign: the host name countersign.invalid is not found: is the address http://countersign.invalid:8080 right?\n",
    });
  });

  test.each([
    ["hangs up", undefined],
    ["speaks HTTP/1.1", "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"],
    ["speaks SMTP", "220 relay.test ESMTP\r\n"],
  ])("what listens %s", async (_, greeting) => {
    server = createServer((socket) => {
      socket.on("error", () => {});
      if (greeting === undefined) socket.destroy();
      else socket.end(greeting);
    });
    const listening = server;
    const port = await new Promise<number>((resolve) => {
      listening.listen(0, "127.0.0.1", () => resolve((listening.address() as { port: number }).port));
    });
    const url = `http://127.0.0.1:${port}`;
    const { code, stderr } = await probe(["--url", url, ...token()]);
    expect(stderr).toMatch(
      new RegExp(
        `^countersign: ${url} [^\\n]*(?:broke the connection off|does not answer as Countersign does)[^\\n]*\\n$`,
      ),
    );
    expect(code).toBe(5);
  });
});

describe("without a token that is taken", () => {
  test.each<[string, string | undefined, string]>([
    [
      "there is none",
      undefined,
      "no token: there is no FILE. Run this in the folder that the service was started in, or name the token with --token-file or its folder with --data-dir",
    ],
    ["it is empty", "\n", "FILE holds no token: it is empty"],
    [
      "it is more than one line",
      "a\nb",
      "FILE holds no token: a token is one line of visible ASCII characters",
    ],
    [
      "it is another service's",
      "x".repeat(43),
      "URL refuses the token: is it this service's? --token-file names another",
    ],
  ])("%s", async (name, content, message) => {
    const path = join(folder, name.replaceAll(/\W/g, "-"));
    if (content !== undefined) await writeFile(path, content);
    const { code, stderr } = await probe(["--url", application.url, "--token-file", path]);
    expect(stderr).toBe(`countersign: ${message.replace("FILE", path).replace("URL", application.url)}\n`);
    expect(code).toBe(6);
  });

  test("its file is a folder", async () => {
    expect(await probe(["--url", application.url, "--token-file", folder])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining(`cannot read the token in ${folder} (EISDIR)`),
    });
  });
});

describe("wrong usage ends with 2, before anything is called", () => {
  test.each<[string[], Record<string, string>, string]>([
    [["--url", "localhost:8080"], {}, "COUNTERSIGN_URL (--url): the value is not an http:// or https:// URL"],
    [[], { COUNTERSIGN_URL: "http://u:secret@host" }, "COUNTERSIGN_URL: the value has credentials"],
    [
      [],
      { COUNTERSIGN_LISTEN: "127.0.0.1:0" },
      "COUNTERSIGN_URL: is not set, and COUNTERSIGN_LISTEN has port 0",
    ],
    [["--jsn"], {}, "error: unknown option '--jsn'"],
    [["--token-file="], {}, ""],
  ])("%j %j", async (args, env, message) => {
    const { code, stdout, stderr } = await probe(args, env);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("secret");
    expect(stdout).toBe("");
    expect(code).toBe(message === "" ? 6 : 2);
  });
});

describe("over TLS", () => {
  let secure: TestApplication;
  let certificateFile: string;
  beforeEach(async () => {
    const { certificate, key } = makeCertificate();
    certificateFile = join(folder, "tls.crt");
    await writeFile(certificateFile, certificate);
    await writeFile(join(folder, "tls.key"), key);
    secure = await startTestApplication({
      env: { COUNTERSIGN_TLS_CERT: certificateFile, COUNTERSIGN_TLS_KEY: join(folder, "tls.key") },
    });
  });
  afterEach(() => secure.stop());

  test("a certificate has to be trusted", async () => {
    const { port, dataDir } = secure;
    // As the environment of the service has it: https:// by the certificate.
    const env = {
      COUNTERSIGN_LISTEN: `127.0.0.1:${port}`,
      COUNTERSIGN_DATA_DIR: dataDir,
      COUNTERSIGN_TLS_CERT: certificateFile,
    };
    expect(await probe([], env)).toMatchObject({
      code: 5,
      stderr: expect.stringMatching(
        /^countersign: the certificate at https:\S+ is not trusted \(\w+\): NODE_EXTRA_CA_CERTS=<file> names an authority of your own\n$/,
      ),
    });
    expect(await probe([], { ...env, NODE_EXTRA_CA_CERTS: certificateFile })).toMatchObject(FOUND);
  });

  test("http:// and https:// are not mistaken for each other", async () => {
    const args = ["--data-dir", secure.dataDir];
    expect(await probe(["--url", secure.url.replace("https:", "http:"), ...args])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("broke the connection off: is it https://, or"),
    });
    expect(await probe(["--url", application.url.replace("http:", "https:"), ...args])).toMatchObject({
      code: 5,
      stderr: expect.stringContaining("does not speak TLS: is it http://?"),
    });
  });
});
