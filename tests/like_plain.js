// What can be done to an object, tried on views and on plain objects: nobody must see a difference. See encode.rs.
const PLAIN = '{"a":1,"b":{"x":[1,{"y":2}]},"c":"s"}';

const ops = {
  keys: o => Object.keys(o),
  names: o => Reflect.ownKeys(o).map(String),
  entries: o => Object.entries(o),
  desc: o => Object.getOwnPropertyDescriptors(o),
  freezeDesc: o => Object.getOwnPropertyDescriptors(Object.freeze(o)),
  freezeSet: o => { Object.freeze(o); try { o.a = 5; } catch (e) { return [e.name, o]; } },
  freezeSame: o => { Object.freeze(o); return [o.b === o.b, o.b, o.a]; },
  sealSet: o => { Object.seal(o); o.a = 5; try { delete o.b; } catch (e) { return [e.name, e.message, o]; } return o; },
  sealRead: o => { Object.seal(o); o.b.x = 9; return [o, o.b === o.b, Object.getOwnPropertyDescriptor(o, "b")]; },
  prevent: o => { Object.preventExtensions(o); try { o.zz = 1 } catch (e) { return [e.name, o]; } },
  defineEnum: o => { Object.defineProperty(o, "b", { enumerable: false }); return [Object.keys(o), o.b, JSON.stringify(o)]; },
  defineWritable: o => { Object.defineProperty(o, "b", { writable: false }); try { o.b = 1 } catch (e) { return [e.name, o.b, o.b === o.b]; } },
  defineConf: o => { Object.defineProperty(o, "b", { configurable: false }); return [o.b === o.b, Object.getOwnPropertyDescriptor(o, "b")]; },
  defineGet: o => { Object.defineProperty(o, "b", { get() { return 7 }, configurable: true, enumerable: true }); return o; },
  defineValueSame: o => { Object.defineProperty(o, "a", { value: o.a }); return Object.getOwnPropertyDescriptor(o, "a"); },
  frozenDefine: o => { Object.freeze(o); try { Object.defineProperty(o, "a", { value: 99 }); return "ok" } catch (e) { return e.name } },
  frozenDefineSame: o => { Object.freeze(o); try { Object.defineProperty(o, "a", { value: 1 }); return "ok" } catch (e) { return e.name } },
  inherit: o => { const c = Object.create(o); return [c.b === o.b, c.a, Object.keys(c), (c.a = 3, o.a), c.a]; },
  inheritFrozen: o => { const c = Object.create(Object.freeze(o)); try { c.a = 3 } catch (e) { return [e.name, c.b === o.b, c.a]; } },
  del: o => { delete o.a; o.a = 2; return [Object.keys(o), o]; },
  proto: o => { Object.setPrototypeOf(o, { z: 1 }); return [o.z, o.b, Object.keys(o)]; },
  forin: o => { const r = []; for (const k in o) { r.push(k); if (k === "a") { o.b; delete o.c } } return r; },
  spread: o => { const { a, ...rest } = o; return [a, rest, { ...o, a: 0 }]; },
  assign: o => Object.assign({}, o),
  assignTo: o => Object.assign(o, { c: 1, d: 2 }),
  clone: o => structuredClone(o),
  json: o => JSON.parse(JSON.stringify(o)),
  has: o => ["b" in o, Object.hasOwn(o, "b"), o.hasOwnProperty("zz"), o.propertyIsEnumerable("b")],
  isFrozen: o => [Object.isFrozen(o), Object.isFrozen(Object.freeze(o)), Object.isSealed(o)],
  compound: o => { o.a += 1; o.a++; o.d ??= 4; o.c &&= 0; return o; },
  values: o => Object.values(o).map(v => typeof v),
  tag: o => [String(o), Object.prototype.toString.call(o), o.constructor === Object],
  reflectSet: o => { const t = {}; const r = Reflect.set(o, "a", 5, t); return [r, t, o.a]; },
  reflectGet: o => Reflect.get(o, "b", {}),
  proxy: o => { const p = new Proxy(o, {}); return [p.b === o.b, Object.keys(p), Object.getOwnPropertyDescriptor(p, "a")]; },
  groupBy: o => { const m = new Map([[o, 1]]); return m.get(o); },
  weird: o => { o.__proto__; return Object.getPrototypeOf(o) === Object.prototype; },
  freezeDeepEdit: o => { Object.freeze(o); o.b.x = 5; return o; },
  reorder: o => { const v = o.a; delete o.a; o.a = v; return Object.keys(o); },
  sealDel: o => { Object.seal(o); return [Reflect.deleteProperty(o, "b"), Reflect.set(o, "b", 2), o]; },
  accessorThenData: o => { Object.defineProperty(o, "b", { get: () => 1, configurable: true, enumerable: true }); Object.defineProperty(o, "b", { value: 3 }); return Object.getOwnPropertyDescriptors(o); },
};

export default [(state) => {
  const differing = [];
  let n = 0;
  for (const [name, operation] of Object.entries(ops)) {
    // The first two of a shape are made otherwise than those that follow: one is the only one of its shape.
    const views = [[state.first[name], `${PLAIN.slice(0, -1)},"own ${name}":0}`]];
    for (let i = 0; i < 3; i++) views.push([state.more[`o${n++}`], PLAIN]);
    for (const [view, text] of views) {
      const plain = JSON.parse(text);
      const outcome = (object) => {
        try {
          return JSON.stringify([operation(object), object]);
        } catch (error) {
          return `${error}`;
        }
      };
      const [got, expected] = [outcome(view), outcome(plain)];
      if (got !== expected) differing.push({ name, got, expected });
    }
  }
  return { data: { differing, operations: Object.keys(ops).length } };
}];
