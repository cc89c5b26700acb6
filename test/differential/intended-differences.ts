// Where the direct path is meant to answer otherwise than connect-node, and why.
import type { Answers, Difference } from "./compare.ts";
import type { Case } from "./corpus.ts";

export interface IntendedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whether it is the cause of this one difference. */
  readonly explains: (difference: Difference, answers: Answers, of: Case) => boolean;
}

/** All that tells one outcome of a call from another; status and headers have to agree all the same. */
const OUTCOME = new Set([
  "code",
  "text",
  "code in the details",
  "text in the details",
  "details",
  "frames",
  "flags",
  "bytes",
  "message",
]);

const EXTRA_MESSAGE = "protocol error: received extra input message for unary method";
const MESSAGE_FAULT = /^parse binary: |^cannot decode /;
const INCOMPLETE = "protocol error: incomplete envelope";

function mutatedBy({ mutations }: Case, ...names: readonly string[]): boolean {
  return mutations.some(({ name }) => names.includes(name));
}

export const intendedDifferences: readonly IntendedDifference[] = [
  {
    name: "gRPC errors are trailers-only",
    reason:
      "PROTOCOL-HTTP2.md has them so where there is no message, and it is a frame less; connect-node always sends headers and trailers.",
    explains: ({ fact, direct, connect }, answers) =>
      fact === "status is in" &&
      direct === "the headers" &&
      connect === "the trailers" &&
      answers.direct.get("code") !== 0 &&
      answers.direct.get("frames") === 0,
  },
  {
    name: "answers are never compressed",
    reason:
      "They are small. connect-node compresses for a client that accepts it, as soon as an answer has 1 KiB.",
    explains: ({ fact, direct, connect }, _answers, of) =>
      mutatedBy(of, "headers: accepts compressed messages", "headers: accepts a compressed body") &&
      ((fact === "flags" && direct === 0 && connect === 1) ||
        (["header grpc-encoding", "header content-encoding"].includes(fact) &&
          direct === undefined &&
          (connect === "gzip" || connect === "br"))),
  },
  {
    name: "gRPC-Web text is served",
    reason:
      "connect-node does not know the form and answers 415. Everywhere else it gets the same bytes without base64.",
    explains: (_difference, { direct, connect }, of) =>
      mutatedBy(
        of,
        "headers: the text form, said to connect-node too",
        "headers: content type application/grpc-web-text",
        "headers: content type application/grpc-web-text+proto",
      ) &&
      connect.get("status") === 415 &&
      direct.get("status") === 200,
  },
  {
    name: "flags of a frame that nobody has defined are refused",
    reason: "connect-node ignores them, and so would read what it cannot know how to read.",
    explains: ({ fact }, { direct }, of) =>
      mutatedBy(of, "frame: flag 2", "frame: flag 0x40", "frame: trailers instead") &&
      direct.get("text") === "protocol error: unexpected flags in the envelope" &&
      OUTCOME.has(fact),
  },
  {
    name: "trailers in a request count as a message",
    reason:
      "PROTOCOL-WEB.md knows them in answers only. connect-node skips them for gRPC-Web, and parses them for gRPC.",
    explains: ({ fact }, { direct }, of) =>
      mutatedBy(of, "frame: trailers behind", "frame: trailers before") &&
      direct.get("text") === EXTRA_MESSAGE &&
      OUTCOME.has(fact),
  },
  {
    name: "frames are looked at before messages",
    reason:
      "Where both are wrong the direct path, which has the whole body, names the frame and connect-node the message.",
    explains: ({ fact }, { direct, connect }) =>
      [EXTRA_MESSAGE, INCOMPLETE].includes(String(direct.get("text"))) &&
      MESSAGE_FAULT.test(String(connect.get("text"))) &&
      OUTCOME.has(fact),
  },
  {
    name: "a body that no message can fill is not read",
    reason:
      "The direct path reads no more than the largest message in its frame; connect-node reads on and finds another frame.",
    explains: ({ fact }, { direct, connect }) =>
      /^the message is larger than \d+ bytes$/.test(String(direct.get("text"))) &&
      ([EXTRA_MESSAGE, INCOMPLETE].includes(String(connect.get("text"))) ||
        MESSAGE_FAULT.test(String(connect.get("text")))) &&
      OUTCOME.has(fact),
  },
  {
    name: "a frame without any of its message is incomplete",
    reason: "connect-node forgets the length that it has read, and says that there was no message.",
    explains: ({ fact }, { direct, connect }) =>
      direct.get("text") === INCOMPLETE &&
      connect.get("text") === "protocol error: missing input message for unary method" &&
      OUTCOME.has(fact),
  },
];
