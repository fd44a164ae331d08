//! `crypto`, and `crypto.subtle` above all.

use libtest_mimic::Trial;

use super::{answer, trial};

pub(super) fn trials() -> Vec<Trial> {
    let group = "crypto";
    vec![
        trial(group, "digest", digest),
        trial(group, "hmac", hmac),
        trial(group, "aes_gcm", aes_gcm),
        trial(group, "rsa", rsa),
        trial(group, "ecdsa", ecdsa),
        trial(group, "derived_keys", derived),
        trial(group, "what_is_too_costly", costly),
        trial(group, "keys_that_stay_inside", not_extractable),
        trial(group, "random", random),
        trial(group, "a_tampered_world", tampered),
    ]
}

const HEX: &str = "const hex = b => [...new Uint8Array(b)].map(x => x.toString(16).padStart(2, '0')).join(''); const bytes = t => new TextEncoder().encode(t);";

#[track_caller]
fn check(body: &str, expected: &str) {
    assert_eq!(answer("", &format!("{HEX} {body}")), expected);
}

/// FIPS 180-4, example "abc".
fn digest() {
    check(
        "return hex(await crypto.subtle.digest('SHA-256', bytes('abc')))",
        r#""ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad""#,
    );
    check(
        "return hex(await crypto.subtle.digest({ name: 'sha-1' }, bytes('abc')))",
        r#""a9993e364706816aba3e25717850c26c9cd0d89d""#,
    );
    check("try { await crypto.subtle.digest('MD5', bytes('')) } catch (e) { return e.name }", r#""NotSupportedError""#);
}

/// RFC 4231, case 2.
fn hmac() {
    check(
        "const key = await crypto.subtle.importKey('raw', bytes('Jefe'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); \
         const data = bytes('what do ya want for nothing?'); const mark = await crypto.subtle.sign('HMAC', key, data); \
         return [hex(mark), await crypto.subtle.verify('HMAC', key, mark, data), await crypto.subtle.verify('HMAC', key, mark, bytes('x'))]",
        r#"["5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",true,false]"#,
    );
}

fn aes_gcm() {
    check(
        "const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt']); \
         const iv = crypto.getRandomValues(new Uint8Array(12)); const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, bytes('secret')); \
         const opened = new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed)); new Uint8Array(sealed)[0] ^= 1; \
         return [sealed.byteLength, opened, await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed).catch(e => e.name), key instanceof CryptoKey]",
        r#"[22,"secret","OperationError",true]"#,
    );
}

fn rsa() {
    check(
        "const algorithm = { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }; \
         const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']); \
         const mark = await crypto.subtle.sign(algorithm.name, pair.privateKey, bytes('x')); \
         const pkcs8 = await crypto.subtle.exportKey('pkcs8', pair.privateKey); \
         const again = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']); \
         return [mark.byteLength, await crypto.subtle.verify(algorithm.name, pair.publicKey, mark, bytes('x')), hex(mark) === hex(await crypto.subtle.sign(algorithm.name, again, bytes('x')))]",
        "[256,true,true]",
    );
}

fn ecdsa() {
    check(
        "const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }; const pair = await crypto.subtle.generateKey(algorithm, false, ['sign', 'verify']); \
         const mark = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, bytes('x')); \
         const jwk = await crypto.subtle.exportKey('jwk', pair.publicKey); \
         const known = await crypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify']); \
         return [mark.byteLength, jwk.crv, await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, known, mark, bytes('x')), \
                 await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, known, mark, bytes('y'))]",
        r#"[64,"P-256",true,false]"#,
    );
}

/// RFC 7914, section 11: PBKDF2 with HMAC-SHA-256.
fn derived() {
    check(
        "const key = await crypto.subtle.importKey('raw', bytes('passwd'), 'PBKDF2', false, ['deriveBits']); \
         return hex(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt: bytes('salt'), iterations: 1 }, key, 128))",
        r#""55ac046e56e3089fec1691c22544b605""#,
    );
}

/// What nothing can stop must not be asked for.
fn costly() {
    check(
        "const key = await crypto.subtle.importKey('raw', bytes('x'), 'PBKDF2', false, ['deriveBits', 'deriveKey']); let reads = 0; \
         const plain = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes('salt') }; const algorithm = { ...plain }; Object.defineProperty(algorithm, 'iterations', { get: () => reads++ ? 4e9 : 1 }); \
         const tried = async f => { try { await f(); return 'done' } catch (e) { return `${e.name}: ${e.message}` } }; \
         return [await tried(() => crypto.subtle.deriveBits({ ...plain, iterations: 4e9 }, key, 128)), \
                 await tried(() => crypto.subtle.deriveBits({ ...plain, iterations: { valueOf: () => 4e9 } }, key, 128)), \
                 await tried(() => crypto.subtle.deriveKey({ ...plain, iterations: 4e9 }, key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])), \
                 await tried(() => crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign'])), \
                 await tried(() => crypto.subtle.deriveBits(algorithm, key, 128)), reads, crypto.subtle.deriveBits.length]",
        r#"["OperationError: iterations may be at most 10000000, not 4000000000","OperationError: iterations may be at most 10000000, not 4000000000","OperationError: iterations may be at most 10000000, not 4000000000","OperationError: modulusLength may be at most 8192, not 16384","done",1,2]"#,
    );
}

fn not_extractable() {
    check(
        "const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, false, ['encrypt']); \
         return [await crypto.subtle.exportKey('raw', key).catch(e => e.name), JSON.stringify(key), typeof CryptoKey.exportNodeMaterial]",
        r#"["InvalidAccessError","{}","undefined"]"#,
    );
}

fn random() {
    check(
        "const u = crypto.randomUUID(); const a = crypto.getRandomValues(new Uint32Array(4)); \
         const errors = []; for (const wrong of [new Float32Array(1), new Uint8Array(65537)]) try { crypto.getRandomValues(wrong) } catch (e) { errors.push(e.name) } \
         return [/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(u), u !== crypto.randomUUID(), a.some(x => x), errors]",
        r#"[true,true,true,["TypeMismatchError","QuotaExceededError"]]"#,
    );
}

fn tampered() {
    check(
        "const evil = () => { throw new Error('tampered') }; const { subtle } = crypto; const abc = bytes('abc'); \
         Array.prototype[Symbol.iterator] = evil; globalThis.Uint8Array = evil; globalThis.ArrayBuffer = evil; Function.prototype.apply = evil; \
         const out = new DataView(await subtle.digest('SHA-256', abc)); return out.getUint8(0)",
        "186",
    );
}
