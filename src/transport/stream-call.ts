/** Streams on their way through connect-node: they end when their client, their time or the server does. */
import { Code, ConnectError, type StreamResponse, type UnaryResponse } from "@connectrpc/connect";
import type { Chain, StreamCall } from "../rpc/chain.ts";
import { adoptIfAboutRequest, isOurs } from "./connect-refusals.ts";

type AnyResponse = UnaryResponse | StreamResponse;

/** Takes a stream through the chain around `next`. */
export async function throughStream(
  chain: Chain,
  call: StreamCall,
  signal: AbortSignal,
  next: () => Promise<AnyResponse>,
): Promise<AnyResponse> {
  await chain.open(call);
  try {
    const response = await next();
    if (!response.stream) return response;
    return { ...response, message: untilClosed(chain, call, signal, response.message) };
  } catch (error) {
    throw closed(chain, call, signal, error);
  }
}

function closed(chain: Chain, call: StreamCall, signal: AbortSignal, error: unknown): ConnectError {
  adoptIfAboutRequest(error);
  // Once the signal is given, what could not be read or written any more failed because of it.
  return chain.closed(call, signal.aborted && !isOurs(error) ? cancellation(signal) : error);
}

/**
 * The messages as they are, up to the signal: a handler that waits for a message of its client does not look at it. The
 * chain learns how they ended.
 */
async function* untilClosed<Item>(
  chain: Chain,
  call: StreamCall,
  signal: AbortSignal,
  messages: AsyncIterable<Item>,
): AsyncGenerator<Item> {
  const iterator = messages[Symbol.asyncIterator]();
  let interrupt = () => {};
  const abort = () => interrupt();
  signal.addEventListener("abort", abort);
  // Not Promise.race with one promise for the signal: that would remember every message of the stream.
  const next = () =>
    new Promise<IteratorResult<Item>>((resolve, reject) => {
      interrupt = () => reject(cancellation(signal));
      if (signal.aborted) interrupt();
      else iterator.next().then(resolve, reject);
    });
  let isClosed = false;
  try {
    for (let item = await next(); item.done !== true; item = await next()) yield item.value;
    isClosed = true;
    chain.closed(call);
  } catch (error) {
    isClosed = true;
    throw closed(chain, call, signal, error);
  } finally {
    signal.removeEventListener("abort", abort);
    // Nobody takes the rest.
    if (!isClosed) chain.closed(call, cancellation(signal));
    iterator.return?.().catch(() => {});
  }
}

/** The client is gone, for whatever reason it gave, its time is up, or the server stops. */
function cancellation({ reason }: AbortSignal): ConnectError {
  const isTold =
    reason instanceof ConnectError && [Code.DeadlineExceeded, Code.Unavailable].includes(reason.code);
  return isTold ? reason : new ConnectError("the client closed the stream", Code.Canceled);
}
