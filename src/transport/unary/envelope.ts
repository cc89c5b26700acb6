/** Frames of gRPC and gRPC-Web: one byte of flags, four of length (big-endian), the message. */
import { failure, FailureError } from "../../verification/failures.ts";

export const PREFIX_BYTES = 5;
const COMPRESSED_FLAG = 0x01;

/**
 * The one message of a unary request.
 *
 * @throws FailureError for no frame, more than one, a broken one, or a compressed one (the headers named no encoding)
 */
export function unwrapMessage(body: Buffer, maxBytes: number): Buffer {
  if (body.length === 0) throw notOneMessage("missing input message for unary method");
  const end = endOfFrame(body, maxBytes);
  if (body.length > end) {
    // Half a frame is no second message, but a broken one.
    endOfFrame(body.subarray(end), maxBytes);
    throw notOneMessage("received extra input message for unary method");
  }
  const flags = body.readUInt8(0);
  if (flags === COMPRESSED_FLAG) {
    throw malformed("received compressed envelope, but do not know how to decompress");
  }
  if (flags !== 0) throw malformed("protocol error: unexpected flags in the envelope");
  return body.subarray(PREFIX_BYTES, end);
}

function endOfFrame(bytes: Buffer, maxBytes: number): number {
  if (bytes.length < PREFIX_BYTES) throw incomplete();
  const length = bytes.readUInt32BE(1);
  if (length > maxBytes) throw tooLarge(maxBytes);
  const end = PREFIX_BYTES + length;
  if (bytes.length < end) throw incomplete();
  return end;
}

/** @param flags 0 for a message, 0x80 for gRPC-Web's trailers */
export function wrapMessage(message: Uint8Array, flags = 0): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame.writeUInt8(flags, 0);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

function notOneMessage(problem: string): FailureError {
  return new FailureError(failure("MESSAGE_COUNT_INVALID", { text: `protocol error: ${problem}` }));
}

function incomplete(): FailureError {
  return malformed("protocol error: incomplete envelope");
}

function malformed(text: string): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }));
}

export function tooLarge(maxBytes: number): FailureError {
  return new FailureError(
    failure("REQUEST_TOO_LARGE", {
      text: `the message is larger than ${maxBytes} bytes`,
      metadata: { maxBytes: String(maxBytes) },
    }),
  );
}
