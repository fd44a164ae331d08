export default [() => new Promise(done => setTimeout(done, 60_000))];
