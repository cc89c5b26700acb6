// Every call that is served x every role x own and other organization and account, over the wire, against the table that
// access-matrix/table.ts has written down by hand.
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  fromBinary,
  fromJson,
  hasOption,
  toJson,
  type DescMethod,
  type DescService,
  type JsonObject,
  type Message,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { ConnectError, createClient, type CallOptions, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { readFile } from "node:fs/promises";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Refused } from "../support/json-calls.ts";
import { SERVED_SERVICES } from "../support/served-services.ts";
import { at, textAt } from "../support/wire-formats.ts";
import { CALLS, type Trial } from "./access-matrix/calls.ts";
import { renderMatrix } from "./access-matrix/document.ts";
import {
  CALLERS,
  GONE,
  readTable,
  WORDS,
  type CallerName,
  type CellWord,
  type TargetName,
} from "./access-matrix/table.ts";
import { OTHER, OWN, World, type Caller } from "./access-matrix/world.ts";

jest.setTimeout(30_000);

const PAGE = new URL("../../docs/access.md", import.meta.url);
const LINES = readTable();
/** Their answer to everybody is the same; services.test.ts asks them. */
const OPEN_TO_ALL = /^grpc\.(health|reflection)\./;

let world: World;
let callers: ReadonlyMap<CallerName, Caller>;
/** At home in the other organization, with the role in the caller's. */
let guest: Caller;
let sessions: Http2SessionManager;
let transport: Transport;

beforeAll(async () => {
  world = await World.start();
  callers = await world.newCallers();
  guest = await world.newCaller("ORG_OWNER", OTHER);
  const { url } = world.application;
  sessions = new Http2SessionManager(url);
  transport = createGrpcTransport({ baseUrl: url, sessionManager: sessions });
});
afterAll(async () => {
  sessions.abort();
  await world.stop();
});

/** One way in which a caller makes a call. */
interface Way {
  readonly label: string;
  readonly name: CallerName;
  readonly caller: () => Promise<Caller> | Caller;
  readonly format: "gRPC" | "REST";
  readonly headers?: Readonly<Record<string, string>>;
}

/** Every caller in gRPC, some in REST; and an owner in all the ways that must not make a difference. */
function waysTo(method: DescMethod, target: TargetName): readonly Way[] {
  const ofColumn = (name: CallerName) => (): Promise<Caller> | Caller =>
    target === "self" ? world.newCaller(name) : (callers.get(name) as Caller);
  const ways: Way[] = CALLERS.map((name) => ({ label: name, name, caller: ofColumn(name), format: "gRPC" }));
  if (method.methodKind === "unary" && hasOption(method, http)) {
    for (const name of ["nobody", "ORG_OWNER", "person"] as const) {
      ways.push({ label: `${name}, REST`, name, caller: ofColumn(name), format: "REST" });
    }
  }
  const owner = { name: "ORG_OWNER", caller: ofColumn("ORG_OWNER"), format: "gRPC" } as const;
  ways.push({ ...owner, label: "ORG_OWNER, x-zitadel-orgid", headers: { "x-zitadel-orgid": OTHER } });
  if (target === "self") return ways;
  const withJwt = async () => world.withJwt(callers.get("ORG_OWNER") as Caller);
  ways.push({ ...owner, label: "ORG_OWNER, JWT", caller: withJwt });
  ways.push({ ...owner, label: "ORG_OWNER, of another organization's", caller: () => guest });
  return ways;
}

/** `code REASON id`, "ok", or "none" for a success without what was to be seen. */
async function outcomeOf(method: DescMethod, trial: Trial, caller: Caller, way: Way): Promise<string> {
  try {
    const answer =
      method.methodKind === "server_streaming"
        ? await watched(method, trial, caller, way)
        : await world.ask(way.format, method.parent)(caller.token, method.name, trial.request, way.headers);
    return trial.seen === undefined || holds(answer, trial.seen) ? "ok" : "none";
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const said = `${error.code} ${error.reason}`;
    if (said === trial.passed) return "ok";
    const id = /\(([\w-]+)\)$/.exec(error.message)?.[1];
    return id === undefined ? said : `${said} ${id}`;
  }
}

/** What a stream gives up to what ends the looking. Its first heartbeat says nothing yet. */
async function watched(
  method: DescMethod,
  { request }: Trial,
  { token }: Caller,
  { headers }: Way,
): Promise<JsonObject[]> {
  const last = world.landmarks((request["organizationId"] as string | undefined) ?? OWN).lastPosition;
  const isEnough = (message: JsonObject) =>
    at(message, "status") !== undefined || Number(at(message, "event", "position") ?? 0) >= last;
  const end = new AbortController();
  const given: JsonObject[] = [];
  try {
    const client = createClient(method.parent, transport) as unknown as AnyStreams;
    const options = {
      headers: { ...(token !== "" && { authorization: `Bearer ${token}` }), ...headers },
      signal: end.signal,
    };
    const stream = client[method.localName]?.(fromJson(method.input, request), options) ?? [];
    for await (const message of stream) {
      const json = toJson(method.output, message) as JsonObject;
      given.push(json);
      if (isEnough(json)) break;
    }
    return given;
  } catch (error) {
    if (!(error instanceof ConnectError)) throw error;
    throw new Refused(error.code, error.findDetails(ErrorInfoSchema)[0]?.reason ?? "", error.rawMessage);
  } finally {
    end.abort();
  }
}

type AnyStreams = Record<string, (request: Message, options: CallOptions) => AsyncIterable<Message>>;

function holds(answer: unknown, value: string): boolean {
  return JSON.stringify(answer).includes(JSON.stringify(value));
}

function expectedOf(word: CellWord, method: string): string {
  return word === "gone" ? (GONE[method] ?? "no answer is known") : WORDS[word].outcome;
}

function methodOf(service: DescService, call: string): DescMethod {
  const [name] = call.split(" ");
  const method = service.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`${service.typeName} has no method ${name}`);
  return method;
}

describe.each(SERVED_SERVICES.map((service) => [service.typeName, service] as const))(
  "%s",
  (typeName, service) => {
    const rows = LINES.filter((line) => line.service === typeName).flatMap(({ calls, target, cells }) =>
      calls.map((call) => [call, target, cells] as const),
    );

    test.each(rows)("%s, %s", async (call, target, cells) => {
      const method = methodOf(service, call);
      const prepare = CALLS[call];
      if (prepare === undefined) throw new Error(`nobody has written down how ${call} is called`);
      const ways = waysTo(method, target).filter(({ name }) => cells[name] !== "-");
      const answers = await Promise.all(
        ways.map(async (way) => {
          const caller = await way.caller();
          const trial = await prepare({ world, target, caller });
          return [way.label, await outcomeOf(method, trial, caller, way)] as const;
        }),
      );
      const expected = ways.map(({ label, name }) => [label, expectedOf(cells[name], method.name)] as const);
      expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(expected));
    });

    test("a token that is none is answered the same by every call", async () => {
      for (const method of service.methods) {
        const call = rows.find(([name]) => name.split(" ")[0] === method.name)?.[0] ?? "";
        const { token } = { token: "cs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
        const caller: Caller = { name: "nobody", id: "", token, tokenId: "" };
        const trial = await CALLS[call]?.({ world, target: "own", caller });
        if (trial === undefined) throw new Error(`the table lacks ${method.name}`);
        const way: Way = { label: "", name: "nobody", caller: () => caller, format: "gRPC" };
        const answer = await outcomeOf(method, trial, caller, way);
        expect([method.name, answer]).toEqual([method.name, "16 TOKEN_INVALID AUTH-7fs1e"]);
      }
    });
  },
);

describe("the table", () => {
  test("has every call that is served, and for each its own and another organization where there is one", async () => {
    const served = await servedMethods();
    const written = new Set(
      LINES.flatMap(({ service, calls }) => calls.map((call) => `${service}/${call.split(" ")[0]}`)),
    );
    expect([...written].toSorted()).toEqual(served.toSorted());
    const isAimed = (call: string, target: TargetName) =>
      LINES.some((line) => line.calls.includes(call) && line.target === target);
    const names = new Set(LINES.flatMap(({ calls }) => calls));
    const unaimed = [...names].filter((call) => !isAimed(call, "own") || !isAimed(call, "other"));
    // An organization that is to be made is nobody's yet; a role of another organization is given in one's own.
    expect(unaimed).toEqual([
      "CreateOrganization",
      "CreateOrganization sender_address",
      "CreateServiceAccount ORG_OWNER of another organization",
      "CreateServiceAccount IAM_OWNER",
    ]);
  });

  test("has each call and target once, and says how each is made", () => {
    const keys = LINES.flatMap(({ service, calls, target }) =>
      calls.map((call) => `${service} ${call} ${target}`),
    );
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    const names = new Set(LINES.flatMap(({ calls }) => calls));
    expect(Object.keys(CALLS).toSorted()).toEqual([...names].toSorted());
  });

  test("is what docs/access.md shows", async () => {
    expect(await readFile(PAGE, "utf8")).toContain(renderMatrix());
  });

  test("lets nobody with a role of one organization read or change another, but with a code in hand", () => {
    const bound = CALLERS.filter((name) => !name.startsWith("IAM_"));
    const open = LINES.filter(({ target }) => target === "other").flatMap(({ calls, cells }) =>
      calls.flatMap((call) => bound.filter((name) => cells[name] === "yes").map((name) => [call, name])),
    );
    expect(new Set(open.map(([call]) => call))).toEqual(new Set(["VerifyEmail", "CheckCode"]));
  });
});

test("a page token of somebody who may read all organizations is none for those who may not", async () => {
  const reader = callers.get("IAM_OWNER") as Caller;
  const owner = callers.get("ORG_OWNER") as Caller;
  const paged = SERVED_SERVICES.flatMap(({ methods }) => methods).filter(
    ({ input }) => "pageToken" in input.field,
  );
  expect(paged.map(({ name }) => name).toSorted()).toEqual([
    "ListAccessTokens",
    "ListDeliveries",
    "ListEvents",
    "ListMails",
    "ListOrganizations",
    "ListServiceAccounts",
    "ListSuppressions",
  ]);
  for (const { name, parent } of paged) {
    const ask = world.ask("gRPC", parent);
    const { nextPageToken: pageToken = "" } = await ask(reader.token, name, { pageSize: 1 });
    expect([name, pageToken]).toEqual([name, expect.stringMatching(/.+/)]);
    await ask(reader.token, name, { pageSize: 1, pageToken });
    const theirs = await ask(owner.token, name, { pageSize: 1, pageToken }).catch((error: unknown) => error);
    expect([name, theirs]).toEqual([name, expect.objectContaining({ code: 3, reason: "REQUEST_INVALID" })]);
  }
});

/** Runs last: what the calls above left in the other organization. */
test("in the other organization nothing was caused by anybody from outside, but for codes that were tried", async () => {
  const isBound = ({ name }: Caller) => !name.startsWith("IAM_");
  const outsiders = new Set([
    "anonymous",
    ...[...callers.values(), guest].filter(isBound).map(({ id }) => id),
  ]);
  const types = new Set<unknown>();
  let count = 0;
  for (let afterPosition = "0"; ;) {
    const request = { organizationId: OTHER, afterPosition, oldestFirst: true, pageSize: 1_000 };
    const { events = [] } = await world.admin(EventService, "ListEvents", request);
    if (!Array.isArray(events) || events.length === 0) break;
    count += events.length;
    for (const event of events) {
      if (outsiders.has(textAt(event, "editor", "id"))) types.add(at(event, "type"));
    }
    afterPosition = textAt(events, events.length - 1, "position");
  }
  expect(count).toBeGreaterThan(100);
  expect([...types].toSorted()).toEqual(["user.human.email.verified"]);
});

/** `service/Method` of everything that reflection names. */
async function servedMethods(): Promise<string[]> {
  const client = createClient(ServerReflection, transport);
  const ask = async (
    messageRequest: Parameters<typeof client.serverReflectionInfo>[0] extends AsyncIterable<infer M>
      ? M
      : never,
  ) => {
    async function* requests() {
      yield messageRequest;
    }
    for await (const { messageResponse } of client.serverReflectionInfo(requests())) return messageResponse;
    throw new Error("reflection did not answer");
  };
  const listed = await ask({ messageRequest: { case: "listServices", value: "" } });
  if (listed.case !== "listServicesResponse") throw new Error(`reflection answered ${listed.case}`);
  const names = listed.value.service.map(({ name }) => name).filter((name) => !OPEN_TO_ALL.test(name));
  const methods = names.map(async (name) => {
    const found = await ask({ messageRequest: { case: "fileContainingSymbol", value: name } });
    if (found.case !== "fileDescriptorResponse") throw new Error(`reflection answered ${found.case}`);
    const files = found.value.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    const all = files.flatMap((file) =>
      file.service.map((each) => ({ ...each, full: `${file.package}.${each.name}` })),
    );
    return all
      .filter(({ full }) => full === name)
      .flatMap(({ method }) => method.map((each) => `${name}/${each.name}`));
  });
  return (await Promise.all(methods)).flat();
}
