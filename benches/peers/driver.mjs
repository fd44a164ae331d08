// A driver of the benches for what ships to production today: `node … driver.mjs runtime` or `… engine`, in the folder where
// the packages are installed. It is asked by lines of JSON and answers by lines of JSON, as `benches/driver.rs` does.
//
// One run is: bytes of the state → JSON.parse → OpenFn → JSON.stringify → bytes of the output. Garbage of the run before is
// collected off the clock. Nothing is logged anywhere.

import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import createLogger from '@openfn/logger';

const [column, memory] = process.argv.slice(2);
const megabytes = Number(memory);
const logger = createLogger('bench', { level: 'none' });

// What stays on every output of both sides, and what does not.
const statePropsToRemove = ['configuration', 'response'];

// No limit of OpenFn's that a worker sets lower may decide here; 0 would be taken for none given.
const unlimited = 1_000_000;

async function runtime() {
  const { default: run } = await import('@openfn/runtime');
  // The hook for imports without an ending is registered once and not for each run: jobs import nothing.
  return (plan, input) =>
    run(structuredClone(plan), input, {
      logger,
      jobLogger: logger,
      timeout: 0,
      statePropsToRemove,
      stateLimitMb: unlimited,
      disableEsmHook: true,
    });
}

async function engine() {
  const { default: create } = await import('@openfn/engine-multi');
  const engine = await create({
    logger,
    repoDir: new URL('./repo', import.meta.url).pathname,
    maxWorkers: 1,
    memoryLimitMb: megabytes,
    statePropsToRemove,
  });
  let runs = 0;
  return (plan, input) =>
    new Promise((resolve, reject) => {
      const id = `run-${++runs}`;
      const run = engine.execute({ ...structuredClone(plan), id }, input, {
        runTimeoutMs: 3_600_000,
        memoryLimitMb: megabytes,
        payloadLimitMb: unlimited,
        logPayloadLimitMb: unlimited,
        stateLimitMb: unlimited,
      });
      run.on('workflow-complete', ({ state }) => resolve(state));
      run.on('workflow-error', ({ type, message }) => reject(new Error(`${type}: ${message}`)));
    });
}

const run = await { runtime, engine }[column]();
let workflow, state, output;

const asked = {
  load(question) {
    output = undefined;
    workflow = question.workflow;
    state = readFileSync(question.state);
    return {};
  },
  async collect() {
    output = undefined;
    // The engine's child ends its thread after it has told of the end.
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc?.();
    return {};
  },
  async run() {
    const start = process.hrtime.bigint();
    const result = await run(workflow, JSON.parse(state.toString()));
    output = Buffer.from(JSON.stringify(result ?? {}));
    const wall = Number(process.hrtime.bigint() - start);
    if (Object.keys(result?.errors ?? {}).length) throw new Error(`a step failed: ${JSON.stringify(result.errors)}`);
    return { wall, bytes: output.length };
  },
  write(question) {
    writeFileSync(question.path, output);
    return {};
  },
};

const answer = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);
answer({ ready: `node ${process.version}, V8 ${process.versions.v8}` });
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const question = JSON.parse(line);
  try {
    answer(await asked[question.do](question));
  } catch (error) {
    answer({ error: `${error?.name}: ${error?.message}` });
  }
}
// Children of the engine would keep us.
process.exit(0);
