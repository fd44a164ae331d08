export default [async () => { await new Promise(done => setTimeout(done, 900)); return { slow: true }; }];
