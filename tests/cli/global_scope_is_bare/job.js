export default [() => ({ types: [typeof Deno, typeof process, typeof require, typeof EventSource, typeof setTimeout, typeof URL] })];
