// `console`: each call becomes one line of the run's log.
import { core, primordials } from "ext:core/mod.js";
import { op_log } from "ext:core/ops";

const {
  ArrayPrototypeMap,
  ObjectDefineProperty,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  ObjectKeys,
  ReflectApply,
  SafeArrayIterator,
  SafeMap,
} = primordials;
const { Console, inspectArgs, setNoColorFns } = core.loadExtScript("ext:deno_web/01_console.js");

// Lines are text for many readers; colours are for the one who shows them.
setNoColorFns(() => true, () => true);

// As `Level` in `runtime/src/event.rs`.
const DEBUG = 0, INFO = 1, SUCCESS = 2, WARN = 3, ERROR = 4, ALWAYS = 5;
const levels = new SafeMap([[0, DEBUG], [1, INFO], [2, WARN], [3, ERROR]]);

// Which execution speaks: what the host has put into the context that promises carry along.
const execution = () => {
  const context = core.getAsyncContext();
  return typeof context === "number" ? context : 0;
};

function write(text, level) {
  op_log(level, execution(), text);
}

const console = new Console((text, level) => write(text, levels.get(level) ?? INFO));

// A state that is logged shows that it has a configuration, not what is in it.
function masked(value) {
  if (typeof value !== "object" || value === null || !ObjectHasOwn(value, "configuration")) return value;
  const copy = { __proto__: ObjectGetPrototypeOf(value) };
  for (const key of new SafeArrayIterator(ObjectKeys(value))) {
    ObjectDefineProperty(copy, key, core.propWritable(key === "configuration" ? "****" : value[key]));
  }
  return copy;
}

for (const name of ["log", "info", "debug", "warn", "error", "dir", "trace", "table", "assert"]) {
  const show = console[name];
  const method = {
    [name]: (...args) => ReflectApply(show, console, ArrayPrototypeMap(args, masked)),
  }[name];
  ObjectDefineProperty(console, name, core.propWritable(method));
}
const options = { indentLevel: 0, rgb: false };

// What OpenFn's logger has and a browser has not.
for (const { 0: name, 1: level } of [["success", SUCCESS], ["always", ALWAYS], ["print", ALWAYS], ["confirm", ALWAYS]]) {
  const method = { [name]: (...args) => write(inspectArgs(ArrayPrototypeMap(args, masked), options) + "\n", level) }[name];
  ObjectDefineProperty(console, name, core.propWritable(method));
}

ObjectDefineProperty(globalThis, "console", core.propNonEnumerable(console));

/** A line of the runtime's own about the job. */
export function warn(message) {
  op_log(-1, execution(), message);
}
