// Random edits that are the same for the same object and seed; see random_edits.rs.
function random(seed) {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

const isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v);

// Goes down some levels from the root to an object.
function descend(root, pick) {
  let at = root;
  for (let levels = pick(4); levels > 0; levels--) {
    const below = Object.keys(at).filter((k) => isObject(at[k]));
    if (below.length === 0) break;
    at = at[below[pick(below.length)]];
  }
  return at;
}

const NAMES = ["a", "b", "c", "new", "", "é", "x y", "5", "_q"];
// On a frozen object nothing happens, to either of the two.
const put = (o, k, value) => Reflect.defineProperty(o, k, { value, writable: true, enumerable: true, configurable: true });

function edit(root, seed) {
  const pick = random(seed);
  for (let edits = pick(5); edits > 0; edits--) {
    const at = descend(root, pick);
    const keys = Object.keys(at).filter((k) => k !== "data" || at !== root);
    const key = keys.length > 0 && pick(3) > 0 ? keys[pick(keys.length)] : NAMES[pick(at === root ? NAMES.length - 1 : NAMES.length)];
    switch (pick(15)) {
      case 0: void at[key]; break;
      case 1: put(at, key, pick(100)); break;
      case 2: put(at, key, { s: "t\ud800", n: [1, { m: null }] }); break;
      case 3: Reflect.deleteProperty(at, key); break;
      case 4: if (isObject(at[key])) put(at, key, { ...at[key], spread: true }); break;
      case 5: if (Array.isArray(at[key])) at[key].push(pick(9), "pushed"); break;
      case 6: put(at, key, [at[keys[0]], at[keys[1]]]); break;
      case 7: put(root, "moved", at === root ? 1 : at); root = { ...root }; root.moved = structuredClone(root.moved); break;
      case 8: put(at, key, undefined); break;
      case 9: if (Array.isArray(at[key])) put(at, key, at[key].map((x) => x)); break;
      case 10: put(root, "twice", keys.length > 0 && at !== root ? at[keys[pick(keys.length)]] : "none"); break;
      case 11: if (at !== root) Object.freeze(at); break;
      case 12: root = { ...root }; break;
      case 13: if (isObject(at[key])) for (const k of Object.keys(at[key])) void at[key][k]; break;
      case 14: put(at, key, new Date(pick(1000))); break;
    }
  }
  return root;
}

function same(state, plain) {
  const a = JSON.stringify(state), b = JSON.stringify(plain);
  if (a !== b) throw new Error(`view and plain differ:\n  view  ${a}\n  plain ${b}`);
}
