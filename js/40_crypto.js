// `crypto`, from `deno_crypto`.
import { core, internals, primordials } from "ext:core/mod.js";

const {
  FunctionPrototypeCall,
  ObjectDefineProperties,
  ObjectDefineProperty,
  ReflectDeleteProperty,
  SafeArrayIterator,
  Symbol,
} = primordials;
const { DOMException } = core.loadExtScript("ext:deno_web/01_dom_exception.js");

// Node's mark on a key; there must be one.
internals.kKeyObject = Symbol("KeyObject");

const webCrypto = core.loadExtScript("ext:deno_crypto/00_crypto.js");

// Nothing stops these once they have begun, and Argon2's memory is not the heap's: what a job may ask for at once.
const MOST = {
  __proto__: null,
  iterations: 10_000_000, // PBKDF2: seconds. The advice for passwords is 600,000.
  memory: 256 * 1024, // Argon2, in KiB
  parallelism: 16,
  passes: 100,
  modulusLength: 8192, // RSA
};
// Each 256 of them cost all iterations again; nobody needs more than keys.
const MOST_BITS = 8192;
const MEMBERS = [
  "name",
  "hash",
  "salt",
  "info",
  "public",
  "nonce",
  "secretValue",
  "associatedData",
  "version",
  "namedCurve",
  "length",
  "publicExponent",
];

// The algorithm as it is now: it may have getters, and is read once, here.
function bounded(algorithm) {
  if (typeof algorithm !== "object" || algorithm === null) return algorithm;
  const copy = { __proto__: null };
  for (const member of new SafeArrayIterator(MEMBERS)) {
    const value = algorithm[member];
    if (value !== undefined) copy[member] = value;
  }
  for (const member in MOST) {
    const value = algorithm[member];
    if (value === undefined) continue;
    const number = +value;
    if (number > MOST[member]) {
      throw new DOMException(`${member} may be at most ${MOST[member]}, not ${number}`, "OperationError");
    }
    copy[member] = number;
  }
  return copy;
}

for (const name of new SafeArrayIterator(["deriveBits", "deriveKey", "generateKey"])) {
  const { prototype } = webCrypto.SubtleCrypto;
  const unbounded = prototype[name];
  const method = {
    async [name](algorithm, ...rest) {
      // The number of arguments matters.
      if (arguments.length === 0) return await FunctionPrototypeCall(unbounded, this);
      if (name === "deriveBits" && +rest[1] > MOST_BITS) {
        throw new DOMException(`at most ${MOST_BITS} bits can be derived at once, not ${+rest[1]}`, "OperationError");
      }
      return await FunctionPrototypeCall(unbounded, this, bounded(algorithm), ...new SafeArrayIterator(rest));
    },
  }[name];
  ObjectDefineProperty(method, "length", { __proto__: null, value: unbounded.length, configurable: true });
  ObjectDefineProperty(prototype, name, core.propWritable(method));
}

/**
 * Puts `crypto` into the global scope. It cannot be made while the snapshot is made; when it is, its classes lose what only its
 * making and Node need.
 */
export function mintCrypto() {
  const { Crypto, CryptoKey, SubtleCrypto, crypto } = webCrypto;
  for (const name of ["create", "registerSymbols"]) {
    ReflectDeleteProperty(Crypto, name);
  }
  ReflectDeleteProperty(SubtleCrypto, "create");
  for (const name of ["exportNodeMaterial", "importSync"]) {
    ReflectDeleteProperty(CryptoKey, name);
  }
  ObjectDefineProperties(globalThis, {
    Crypto: core.propNonEnumerable(Crypto),
    CryptoKey: core.propNonEnumerable(CryptoKey),
    SubtleCrypto: core.propNonEnumerable(SubtleCrypto),
    crypto: core.propWritable(crypto),
  });
}
