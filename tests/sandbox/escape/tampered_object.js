// ends: success
// output: {"ok":true,"seen":[]}
// why: setters and getters on Object.prototype for every name that the host uses on objects of its own.
export default [async () => {
  const seen = [];
  const own = Object.defineProperty;
  for (const name of ["ok", "value", "running", "then", "default", "execute", "get", "set", "writable", "enumerable", "configurable", "name", "message", "stack", "cause", "errors", "toJSON", "level", "code", "url", "module"]) {
    own(Object.prototype, name, { __proto__: null, configurable: true, get() { seen.push(name); return undefined; }, set() { seen.push(`${name}=`); } });
  }
  Object.defineProperty = Object.keys = Object.freeze = Object.getPrototypeOf = () => { seen.push("Object"); };
  Reflect.apply = Reflect.ownKeys = () => { seen.push("Reflect"); };
  Function.prototype.apply = Function.prototype.bind = () => { seen.push("Function"); };
  try { Function.prototype.call = () => { seen.push("call"); }; } catch { /* it cannot be replaced */ }
  await null;
  const found = seen.filter((name) => !["then", "default", "execute", "get", "set", "writable", "enumerable", "configurable"].includes(name));
  const result = {};
  own(result, "ok", { __proto__: null, value: true, enumerable: true });
  own(result, "seen", { __proto__: null, value: found, enumerable: true });
  return result;
}];
