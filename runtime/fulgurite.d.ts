// What a job finds around it, for editors. Nothing reads this when a job runs.
//
// An editor uses it when a jsconfig.json beside the jobs names it (adaptors/README.md has one), or a job itself does:
//
//     // @ts-check
//     /// <reference path="…/runtime/fulgurite.d.ts" />
//
// A job is neither a page nor a Node script: set "lib" to ["ESNext"] and "types" to [], or the editor offers what is not
// there. `SharedArrayBuffer`, `Atomics`, `WebAssembly`, `eval` and `new Function` are ECMAScript, but not a job's.
//
// Operations (`fn`, `each`, `get`, …) are an adaptor's and declared by it: those of the common one are in
// adaptors/common/global.d.ts.

// ---- The job --------------------------------------------------------------------------------------------------------

/**
 * What a step takes and returns. Keys that start with `_` are private: they live from step to step within a run and never
 * come out.
 */
interface State {
  /** What the job works on. In `each`, the item. */
  data?: any;
  /** The step's credential and configuration. Never part of its output. */
  configuration?: any;
  /** What adaptors keep of earlier answers. */
  references?: any[];
  /** What went wrong in earlier steps, under their ids. */
  errors?: { [step: string]: StepError };
  /** What an adaptor got as an answer. Never part of the step's output. */
  response?: any;
  /** In a step with `with_items`, the item, or with a `batch_size` an array of them. */
  item?: any;
  /** The place of the item, or of the batch, from 0: in `each`, and in a step with `with_items`. */
  index?: number;
  [key: string]: any;
}

/** An error as `state.errors` has it. */
interface StepError {
  /** "RuntimeError", "JobError", "AdaptorError", … */
  name?: string;
  message?: string;
  source?: string;
  severity?: string;
  /** What the job threw, for a RuntimeError: "TypeError". */
  subtype?: string;
  step?: string;
  operationName?: string;
  line?: number;
  pos?: { line: number; column: number; src?: string };
  details?: any;
  [key: string]: any;
}

/** One thing that a job does: a function from a state to a state. */
interface Operation {
  (state: any): any;
  /**
   * At the top level of a job: another function over the operation's result.
   * @example get('/patients').then(state => ({ ...state, count: state.data.length }))
   */
  then(next: (state: State) => any): Operation;
  /**
   * At the top level of a job: what to do when the operation fails.
   * @example get('/patients').catch((error, state) => ({ ...state, data: [] }))
   */
  catch(handler: (error: any, state: State) => any): Operation;
}

/**
 * The state that the operation will get, where an operation is given its arguments: `get($.data.url)` is
 * `get(state => state.data.url)`. Stands in arguments only, not in functions or statements.
 */
declare const $: State;

/** How to `call` a step. */
interface CallOptions {
  /** Whether the run goes on from the called step along its edges: the call then resolves with the result. */
  follow?: boolean;
}

/**
 * Runs a step of the workflow now, and gives what comes of it. Rejects with what the step throws.
 * @param step The step's id.
 * @param state What it gets; without one, what this step got.
 * @example fn(async state => call('send-one', { ...state, data: state.data[0] }))
 */
declare function call(step: string, state?: State, options?: CallOptions): Promise<State>;

// ---- console --------------------------------------------------------------------------------------------------------

interface Console {
  log(...values: any[]): void;
  info(...values: any[]): void;
  /** Shown when somebody asks for details. */
  debug(...values: any[]): void;
  warn(...values: any[]): void;
  error(...values: any[]): void;
  /** Good news. */
  success(...values: any[]): void;
  /** Shown whatever the log level is. */
  always(...values: any[]): void;
  /** Shown whatever the log level is. */
  print(...values: any[]): void;
  /** Shown whatever the log level is. Asks nobody: there is nobody to answer. */
  confirm(...values: any[]): void;
  assert(condition?: any, ...values: any[]): void;
  dir(value?: any, options?: object): void;
  table(rows?: any, columns?: string[]): void;
  trace(...values: any[]): void;
  count(label?: string): void;
  countReset(label?: string): void;
  group(...values: any[]): void;
  groupCollapsed(...values: any[]): void;
  groupEnd(): void;
  time(label?: string): void;
  timeLog(label?: string, ...values: any[]): void;
  timeEnd(label?: string): void;
}

/** Each call is a line of the run's log. A state that is logged shows that it has a configuration, not what is in it. */
declare const console: Console;

// ---- Timers and tasks: they end with the step -----------------------------------------------------------------------

declare function setTimeout(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function setInterval(callback: (...args: any[]) => void, delay?: number, ...args: any[]): number;
declare function clearTimeout(id?: number): void;
declare function clearInterval(id?: number): void;
declare function queueMicrotask(callback: () => void): void;
declare function structuredClone<T>(value: T, options?: { transfer?: any[] }): T;

// ---- The web's APIs, as far as a job has them -----------------------------------------------------------------------

declare function atob(base64: string): string;
declare function btoa(binary: string): string;

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  hash: string;
  host: string;
  hostname: string;
  href: string;
  readonly origin: string;
  password: string;
  pathname: string;
  port: string;
  protocol: string;
  search: string;
  readonly searchParams: URLSearchParams;
  username: string;
  toString(): string;
  toJSON(): string;
}

declare class URLSearchParams {
  constructor(init?: string | URLSearchParams | Record<string, string> | Iterable<readonly [string, string]>);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  forEach(callback: (value: string, name: string, all: URLSearchParams) => void, thisArg?: any): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  toString(): string;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

interface URLPatternInit {
  protocol?: string;
  username?: string;
  password?: string;
  hostname?: string;
  port?: string;
  pathname?: string;
  search?: string;
  hash?: string;
  baseURL?: string;
}

interface URLPatternPart {
  input: string;
  groups: { [name: string]: string | undefined };
}

interface URLPatternResult {
  inputs: (string | URLPatternInit)[];
  protocol: URLPatternPart;
  username: URLPatternPart;
  password: URLPatternPart;
  hostname: URLPatternPart;
  port: URLPatternPart;
  pathname: URLPatternPart;
  search: URLPatternPart;
  hash: URLPatternPart;
}

declare class URLPattern {
  constructor(input: string | URLPatternInit, base: string, options?: { ignoreCase?: boolean });
  constructor(input?: string | URLPatternInit, options?: { ignoreCase?: boolean });
  test(input?: string | URLPatternInit, base?: string): boolean;
  exec(input?: string | URLPatternInit, base?: string): URLPatternResult | null;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly hasRegExpGroups: boolean;
}

type BufferSource = ArrayBuffer | ArrayBufferView;

declare class TextEncoder {
  readonly encoding: string;
  encode(text?: string): Uint8Array;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}

interface TextDecoderOptions {
  fatal?: boolean;
  ignoreBOM?: boolean;
}

declare class TextDecoder {
  constructor(label?: string, options?: TextDecoderOptions);
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  decode(bytes?: BufferSource, options?: { stream?: boolean }): string;
}

declare class TextEncoderStream {
  readonly encoding: string;
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<string>;
}

declare class TextDecoderStream {
  constructor(label?: string, options?: TextDecoderOptions);
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  readonly readable: ReadableStream<string>;
  readonly writable: WritableStream<BufferSource>;
}

interface QueuingStrategy<T = any> {
  highWaterMark?: number;
  size?: (chunk: T) => number;
}

declare class ByteLengthQueuingStrategy implements QueuingStrategy<ArrayBufferView> {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk?: any) => number;
}

declare class CountQueuingStrategy implements QueuingStrategy {
  constructor(init: { highWaterMark: number });
  readonly highWaterMark: number;
  readonly size: (chunk?: any) => number;
}

interface StreamPipeOptions {
  preventAbort?: boolean;
  preventCancel?: boolean;
  preventClose?: boolean;
  signal?: AbortSignal;
}

interface UnderlyingSource<R = any> {
  start?: (controller: ReadableStreamDefaultController<R>) => any;
  pull?: (controller: ReadableStreamDefaultController<R>) => void | PromiseLike<void>;
  cancel?: (reason?: any) => void | PromiseLike<void>;
  type?: undefined;
}

interface UnderlyingByteSource {
  start?: (controller: ReadableByteStreamController) => any;
  pull?: (controller: ReadableByteStreamController) => void | PromiseLike<void>;
  cancel?: (reason?: any) => void | PromiseLike<void>;
  type: "bytes";
  autoAllocateChunkSize?: number;
}

type ReadableStreamReadResult<T> = { done: false; value: T } | { done: true; value: T | undefined };

declare class ReadableStream<R = any> {
  constructor(source: UnderlyingByteSource, strategy?: { highWaterMark?: number });
  constructor(source?: UnderlyingSource<R>, strategy?: QueuingStrategy<R>);
  static from<T>(items: AsyncIterable<T> | Iterable<T | PromiseLike<T>>): ReadableStream<T>;
  readonly locked: boolean;
  cancel(reason?: any): Promise<void>;
  getReader(options: { mode: "byob" }): ReadableStreamBYOBReader;
  getReader(): ReadableStreamDefaultReader<R>;
  pipeThrough<T>(
    pair: { readable: ReadableStream<T>; writable: WritableStream<R> },
    options?: StreamPipeOptions,
  ): ReadableStream<T>;
  pipeTo(destination: WritableStream<R>, options?: StreamPipeOptions): Promise<void>;
  tee(): [ReadableStream<R>, ReadableStream<R>];
  values(options?: { preventCancel?: boolean }): AsyncIterableIterator<R>;
  [Symbol.asyncIterator](options?: { preventCancel?: boolean }): AsyncIterableIterator<R>;
}

declare class ReadableStreamDefaultReader<R = any> {
  constructor(stream: ReadableStream<R>);
  readonly closed: Promise<undefined>;
  cancel(reason?: any): Promise<void>;
  read(): Promise<ReadableStreamReadResult<R>>;
  releaseLock(): void;
}

declare class ReadableStreamBYOBReader {
  constructor(stream: ReadableStream<Uint8Array>);
  readonly closed: Promise<undefined>;
  cancel(reason?: any): Promise<void>;
  read<T extends ArrayBufferView>(view: T, options?: { min?: number }): Promise<ReadableStreamReadResult<T>>;
  releaseLock(): void;
}

declare class ReadableStreamDefaultController<R = any> {
  private constructor();
  readonly desiredSize: number | null;
  close(): void;
  enqueue(chunk?: R): void;
  error(error?: any): void;
}

declare class ReadableByteStreamController {
  private constructor();
  readonly byobRequest: ReadableStreamBYOBRequest | null;
  readonly desiredSize: number | null;
  close(): void;
  enqueue(chunk: ArrayBufferView): void;
  error(error?: any): void;
}

declare class ReadableStreamBYOBRequest {
  private constructor();
  readonly view: ArrayBufferView | null;
  respond(bytesWritten: number): void;
  respondWithNewView(view: ArrayBufferView): void;
}

interface UnderlyingSink<W = any> {
  start?: (controller: WritableStreamDefaultController) => any;
  write?: (chunk: W, controller: WritableStreamDefaultController) => void | PromiseLike<void>;
  close?: () => void | PromiseLike<void>;
  abort?: (reason?: any) => void | PromiseLike<void>;
}

declare class WritableStream<W = any> {
  constructor(sink?: UnderlyingSink<W>, strategy?: QueuingStrategy<W>);
  readonly locked: boolean;
  abort(reason?: any): Promise<void>;
  close(): Promise<void>;
  getWriter(): WritableStreamDefaultWriter<W>;
}

declare class WritableStreamDefaultWriter<W = any> {
  constructor(stream: WritableStream<W>);
  readonly closed: Promise<undefined>;
  readonly desiredSize: number | null;
  readonly ready: Promise<undefined>;
  abort(reason?: any): Promise<void>;
  close(): Promise<void>;
  releaseLock(): void;
  write(chunk?: W): Promise<void>;
}

declare class WritableStreamDefaultController {
  private constructor();
  readonly signal: AbortSignal;
  error(error?: any): void;
}

interface Transformer<I = any, O = any> {
  start?: (controller: TransformStreamDefaultController<O>) => any;
  transform?: (chunk: I, controller: TransformStreamDefaultController<O>) => void | PromiseLike<void>;
  flush?: (controller: TransformStreamDefaultController<O>) => void | PromiseLike<void>;
  cancel?: (reason?: any) => void | PromiseLike<void>;
}

declare class TransformStream<I = any, O = any> {
  constructor(transformer?: Transformer<I, O>, writable?: QueuingStrategy<I>, readable?: QueuingStrategy<O>);
  readonly readable: ReadableStream<O>;
  readonly writable: WritableStream<I>;
}

declare class TransformStreamDefaultController<O = any> {
  private constructor();
  readonly desiredSize: number | null;
  enqueue(chunk?: O): void;
  error(reason?: any): void;
  terminate(): void;
}

type CompressionFormat = "deflate" | "deflate-raw" | "gzip";

declare class CompressionStream {
  constructor(format: CompressionFormat);
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<BufferSource>;
}

declare class DecompressionStream {
  constructor(format: CompressionFormat);
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<BufferSource>;
}

declare class Blob {
  constructor(parts?: (BufferSource | Blob | string)[], options?: { type?: string; endings?: "transparent" | "native" });
  readonly size: number;
  readonly type: string;
  arrayBuffer(): Promise<ArrayBuffer>;
  bytes(): Promise<Uint8Array>;
  slice(start?: number, end?: number, type?: string): Blob;
  stream(): ReadableStream<Uint8Array>;
  text(): Promise<string>;
}

declare class File extends Blob {
  constructor(
    parts: (BufferSource | Blob | string)[],
    name: string,
    options?: { type?: string; endings?: "transparent" | "native"; lastModified?: number },
  );
  readonly lastModified: number;
  readonly name: string;
}

interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

declare class Event {
  constructor(type: string, init?: EventInit);
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly currentTarget: EventTarget | null;
  readonly defaultPrevented: boolean;
  readonly eventPhase: number;
  readonly isTrusted: boolean;
  readonly target: EventTarget | null;
  readonly timeStamp: number;
  readonly type: string;
  composedPath(): EventTarget[];
  preventDefault(): void;
  stopImmediatePropagation(): void;
  stopPropagation(): void;
}

declare class CustomEvent<T = any> extends Event {
  constructor(type: string, init?: EventInit & { detail?: T });
  readonly detail: T;
}

type EventListener = ((event: any) => any) | { handleEvent(event: any): any };

declare class EventTarget {
  addEventListener(
    type: string,
    listener: EventListener | null,
    options?: boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignal },
  ): void;
  removeEventListener(type: string, listener: EventListener | null, options?: boolean | { capture?: boolean }): void;
  dispatchEvent(event: Event): boolean;
}

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: any): void;
}

declare class AbortSignal extends EventTarget {
  private constructor();
  static abort(reason?: any): AbortSignal;
  static any(signals: Iterable<AbortSignal>): AbortSignal;
  static timeout(milliseconds: number): AbortSignal;
  readonly aborted: boolean;
  readonly reason: any;
  onabort: ((event: Event) => any) | null;
  throwIfAborted(): void;
}

declare class DOMException extends Error {
  constructor(message?: string, name?: string);
  readonly code: number;
}

declare class QuotaExceededError extends DOMException {
  constructor(message?: string, options?: { quota?: number; requested?: number });
  readonly quota: number | null;
  readonly requested: number | null;
}

declare class Performance extends EventTarget {
  private constructor();
  /** When the clock of `now()` was 0, in milliseconds since 1970. */
  readonly timeOrigin: number;
  /** Whole milliseconds: there is no finer clock. */
  now(): number;
  getEntries(): any[];
  getEntriesByName(name: string, type?: string): any[];
  getEntriesByType(type: string): any[];
  toJSON(): any;
}

declare const performance: Performance;

declare class Crypto {
  /** Fills an integer array of at most 65,536 bytes. */
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  readonly subtle: SubtleCrypto;
}

/** https://w3c.github.io/webcrypto/#subtlecrypto-interface; iterations, key sizes and derived bits have bounds. */
declare class SubtleCrypto {
  private constructor();
  digest(algorithm: string | { name: string }, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer>;
  encrypt(algorithm: any, key: CryptoKey, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer>;
  decrypt(algorithm: any, key: CryptoKey, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer>;
  sign(algorithm: any, key: CryptoKey, data: ArrayBuffer | ArrayBufferView): Promise<ArrayBuffer>;
  verify(
    algorithm: any,
    key: CryptoKey,
    signature: ArrayBuffer | ArrayBufferView,
    data: ArrayBuffer | ArrayBufferView,
  ): Promise<boolean>;
  generateKey(algorithm: any, extractable: boolean, usages: string[]): Promise<any>;
  importKey(format: string, data: any, algorithm: any, extractable: boolean, usages: string[]): Promise<CryptoKey>;
  exportKey(format: string, key: CryptoKey): Promise<any>;
  deriveBits(algorithm: any, key: CryptoKey, length: number): Promise<ArrayBuffer>;
  deriveKey(algorithm: any, key: CryptoKey, derived: any, extractable: boolean, usages: string[]): Promise<CryptoKey>;
  wrapKey(format: string, key: CryptoKey, wrapping: CryptoKey, algorithm: any): Promise<ArrayBuffer>;
  unwrapKey(
    format: string,
    wrapped: ArrayBuffer | ArrayBufferView,
    unwrapping: CryptoKey,
    algorithm: any,
    keyAlgorithm: any,
    extractable: boolean,
    usages: string[],
  ): Promise<CryptoKey>;
}

declare class CryptoKey {
  private constructor();
  readonly type: "public" | "private" | "secret";
  readonly extractable: boolean;
  readonly algorithm: any;
  readonly usages: string[];
}

declare const crypto: Crypto;

/** https://fetch.spec.whatwg.org/#headers-class */
declare class Headers {
  constructor(init?: HeadersInit);
  append(name: string, value: string): void;
  delete(name: string): void;
  get(name: string): string | null;
  getSetCookie(): string[];
  has(name: string): boolean;
  set(name: string, value: string): void;
  forEach(callback: (value: string, name: string, headers: Headers) => void): void;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

type HeadersInit = Headers | [string, string][] | Record<string, string>;
type BodyInit = string | Blob | FormData | URLSearchParams | ReadableStream | ArrayBuffer | ArrayBufferView;

/** https://xhr.spec.whatwg.org/#interface-formdata */
declare class FormData {
  constructor();
  append(name: string, value: string | Blob, filename?: string): void;
  delete(name: string): void;
  get(name: string): string | File | null;
  getAll(name: string): (string | File)[];
  has(name: string): boolean;
  set(name: string, value: string | Blob, filename?: string): void;
  entries(): IterableIterator<[string, string | File]>;
  [Symbol.iterator](): IterableIterator<[string, string | File]>;
}

interface Body {
  readonly body: ReadableStream | null;
  readonly bodyUsed: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
  bytes(): Promise<Uint8Array>;
  formData(): Promise<FormData>;
  json(): Promise<any>;
  text(): Promise<string>;
}

interface RequestInit {
  method?: string;
  headers?: HeadersInit;
  body?: BodyInit | null;
  redirect?: "follow" | "error" | "manual";
  signal?: AbortSignal | null;
}

/** https://fetch.spec.whatwg.org/#request-class */
declare class Request {
  constructor(input: string | URL | Request, init?: RequestInit);
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly redirect: string;
  readonly signal: AbortSignal;
  clone(): Request;
}

interface Request extends Body {}

/** https://fetch.spec.whatwg.org/#response-class */
declare class Response {
  constructor(body?: BodyInit | null, init?: { status?: number; statusText?: string; headers?: HeadersInit });
  static error(): Response;
  static json(data: any, init?: { status?: number; statusText?: string; headers?: HeadersInit }): Response;
  static redirect(url: string | URL, status?: number): Response;
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
  clone(): Response;
}

interface Response extends Body {}

/** Asks over the network that the run may use; a refusal is a TypeError that says which rule it was. */
declare function fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
