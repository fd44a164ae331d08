// `node --test adaptors/common/test/` — needs nothing but Node 20.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as adaptor from "../index.js";
import { outcome } from "./outcome.mjs";

const read = (name) => readFile(new URL(name, import.meta.url), "utf8");
const { combine, each, execute, fn, map, merge, sourceValue } = adaptor;

const cases = JSON.parse(await read("cases.json"));

test("cases.json", async (t) => {
  assert.ok(cases.length >= 120);
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, "names are there once");
  t.mock.method(console, "log", () => {});
  t.mock.method(console, "warn", () => {});
  for (const [i, given] of cases.entries()) {
    // A module of its own for each, as a run has: `cursor` remembers its key.
    const result = await outcome(given, await import(`../index.js?case=${i}`));
    if ("error" in given) {
      assert.ok("error" in result, `${given.name}: should fail, gives ${JSON.stringify(result.expected)}`);
      assert.ok(result.error.includes(given.error), `${given.name}: ${result.error}`);
    } else {
      assert.deepEqual(result, { expected: given.expected }, given.name);
    }
  }
});

test("the types name what the module exports, and the manifest both", async () => {
  const types = await read("../index.d.ts");
  const declared = [...types.matchAll(/^export (?:declare )?(?:function|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(declared)].sort(), Object.keys(adaptor).sort());
  const global = await read("../global.d.ts");
  const globals = [...global.matchAll(/^  const (\w+): Common\["\1"\];/gm)].map(([, name]) => name);
  assert.deepEqual(globals.sort(), Object.keys(adaptor).sort());
  const manifest = JSON.parse(await read("../package.json"));
  assert.deepEqual(manifest.exports["."], { types: "./index.d.ts", default: "./index.js" });
});

test("the words of README.md's table are the exports", async () => {
  const listed = [...(await read("../README.md")).matchAll(/^\| `(\w+)\(/gm)].map(([, name]) => name);
  assert.deepEqual([...new Set(listed)].sort(), Object.keys(adaptor).sort());
});

test("the source needs nothing of Node's and evaluates no text", async () => {
  for (const name of ["index", "path", "filter", "references", "dates"]) {
    const source = await read(`../${name}.js`);
    assert.doesNotMatch(source, /\b(?:require|process|Buffer|eval|Function)\b\s*[.(]/, name);
    for (const [, from] of source.matchAll(/from "(.*)"/g)) assert.match(from, /^\.\//, name);
  }
});

const COUNT = 100_000;
const many = () => ({ data: { items: Array.from({ length: COUNT }, (_, i) => ({ i })) }, references: [], sum: 0 });
const add = fn((state) => {
  state.sum += state.data.i;
  return state;
});
const sum = (COUNT * (COUNT - 1)) / 2;

test("each, over 100,000 items", async () => {
  const took = async (operation, n) => {
    const state = many();
    state.data.items.length = n;
    const start = performance.now();
    await execute(operation)(state);
    return performance.now() - start;
  };
  for (const operation of [add, async (state) => add(state)]) {
    const result = await execute(each("$.data.items[*]", operation))(many());
    assert.equal(result.sum, sum);
    assert.equal(result.index, COUNT - 1);
    const over = each("$.data.items[*]", operation);
    await took(over, COUNT);
    const [tenth, all] = [await took(over, COUNT / 10), await took(over, COUNT)];
    // Linear is 10 times as long; quadratic would be 100 times. The half second is for what a busy machine does between.
    assert.ok(all < 30 * tenth + 500, `${tenth.toFixed(1)} ms for a tenth, ${all.toFixed(1)} ms for all`);
  }
});

test("each does not make all promises at once", async () => {
  let running = 0;
  let most = 0;
  await each("$.data.items[*]", async (state) => {
    most = Math.max(most, ++running);
    await null;
    running--;
    return state;
  })(many());
  assert.equal(most, 1);
});

test("merge and map, over 100,000 items", async () => {
  assert.equal(merge("$.data.items[*]", { x: 1 })(many()).length, COUNT);
  assert.equal((await map("$.data.items[*]", (item) => item.i)(many())).data.length, COUNT);
});

// As a state is given to a job: a property is a getter until it is read.
function lazy(of, seen, at = "$") {
  const view = {};
  for (const key of Object.keys(of)) {
    const path = `${at}.${key}`;
    Object.defineProperty(view, key, {
      enumerable: true,
      configurable: true,
      set(value) {
        Object.defineProperty(view, key, { value, enumerable: true, configurable: true, writable: true });
      },
      get() {
        seen.push(path);
        const value = of[key];
        return typeof value === "object" && value !== null && !Array.isArray(value) ? lazy(value, seen, path) : value;
      },
    });
  }
  return view;
}

test("only what a path leads through is read", () => {
  const seen = [];
  const state = lazy({ data: { big: { deep: 1 }, small: { x: 1, y: 2 } }, other: { z: 1 } }, seen);
  assert.equal(sourceValue("$.data.small.x")(state), 1);
  assert.deepEqual(seen, ["$.data", "$.data.small", "$.data.small.x"]);
});

test("a state is not read for being passed on, and below its top level not for being copied", async () => {
  const seen = [];
  const state = lazy({ data: { big: { deep: 1 } }, other: { z: 1 } }, seen);
  await execute((state) => state, adaptor.fnIf(true, (state) => state), adaptor.fnIf(false, (state) => state))(state);
  assert.deepEqual(seen, []);
  await adaptor.fnIf((state) => state.data, (state) => state)(state);
  await combine((state) => state)(state);
  await each([1, 2], (state) => state)(state);
  await adaptor.as("kept", (state) => state)(lazy({ data: { big: 1 } }, seen));
  assert.deepEqual([...new Set(seen)].sort(), ["$.data", "$.other"]);
});

test("the first of many is found without looking at the rest", () => {
  let reads = 0;
  const item = { get a() { return ++reads; } };
  assert.equal(sourceValue("$.data[*].a")({ data: Array(1000).fill(item) }), 1);
  assert.equal(reads, 1);
});

test("a state as deep as one may be", () => {
  let deep = { x: 1 };
  for (let i = 0; i < 4000; i++) deep = { deep };
  assert.equal(sourceValue("$..x")(deep), 1);
});

test("a circle is an error, not an endless search", () => {
  const state = { data: {} };
  state.data.state = state;
  assert.throws(() => sourceValue("$..missing")(state), /does the state contain itself\?/);
});

test("streams and what else is no plain object pass through references", () => {
  const stream = new ReadableStream();
  const pattern = /x/;
  const [item] = merge("$.data", { stream, nested: [pattern, () => stream] })({ data: {} });
  assert.equal(item.stream, stream);
  assert.equal(item.nested[0], pattern);
  assert.equal(item.nested[1], stream);
});

test("a cursor says what it became", async (t) => {
  const { mock } = t.mock.method(console, "log", () => {});
  const { cursor } = await import("../index.js?log");
  cursor("today")({});
  cursor(3, { key: "page" })({});
  const lines = mock.calls.map((call) => call.arguments.join(" "));
  assert.match(lines[0], /^cursor = "today", which is 00:00 \d+ [A-Z][a-z]{2} \d{4} \(GMT[+-]\d+(:\d\d)?\)$/);
  assert.equal(lines[1], "page = 3");
});
