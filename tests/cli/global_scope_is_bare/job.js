export default [() => ({ types: [typeof Deno, typeof process, typeof require, typeof fetch, typeof setTimeout, typeof URL] })];
